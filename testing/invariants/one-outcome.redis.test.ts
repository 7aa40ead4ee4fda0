import { keys } from '../hand-made-run.js';
import { findings, type Plant, seen } from './planted.js';

const plants: readonly Plant[] = [
  {
    name: 'a terminal command that is written to again, with the same outcome',
    plant: async (run) => {
      await run.live('c');
      await run.redis.hset(keys.command('c'), 'status', 'COMPLETED');
    },
    found: ['3 c: it was COMPLETED, and was written to again'],
  },

  {
    name: 'a result that changes and is put right again',
    plant: async (run) => {
      await run.live('c');
      const result = (await run.redis.hget(keys.command('c'), 'result')) ?? '';
      await run.redis.hset(keys.command('c'), 'result', '{}');
      await run.redis.hset(keys.command('c'), 'result', result);
    },
    found: ['3 c: it was COMPLETED, and was written to again'],
  },

  {
    name: 'a retry that no operator asked for',
    plant: async (run) => {
      await run.started('c');
      await run.fail('c', 'EXECUTION_FAILED', 'yes');
      await run.effect('c');
      await run.retry('c', (writes) => writes.filter((write) => !write.includes('retried')));
      await run.fail('c', 'CANCELLED', 'yes');
    },
    found: ['3 c: it was FAILED, and was written to again'],
  },

  {
    name: 'a retry of a command that completed',
    plant: async (run) => {
      await run.live('c');
      await run.retry('c');
      await run.fail('c', 'CANCELLED', 'yes');
    },
    found: ['3 c: it was COMPLETED, and was written to again'],
  },

  {
    name: 'a retry for an earlier failure than the last',
    plant: async (run) => {
      await run.started('c');
      await run.effect('c');
      await run.fail('c', 'EXECUTION_FAILED', 'yes');
      const stale = String(run.life('c').finishedAt - 1);
      await run.retry('c', (writes) => [...writes, ['HSET', keys.command('c'), 'retried', stale]]);
      await run.fail('c', 'CANCELLED', 'yes');
    },
    found: ['3 c: it was FAILED, and was written to again'],
  },

  {
    name: 'a life that no client asked for',
    plant: async (run) => {
      await run.started('c');
      await run.effect('c');
      await run.fail('c', 'EXECUTION_FAILED', 'yes');
      await run.retry('c');
      await run.fail('c', 'CANCELLED', 'yes');
      await run.retry('c');
      await run.fail('c', 'CANCELLED', 'yes');
      // One of the two was never asked for.
      run.clients.operations.splice(
        run.clients.operations.findIndex(({ action }) => action === 'retry'),
        1,
      );
    },
    found: ['3 c: it was retried 2 times, and 1 were asked for'],
  },

  {
    name: 'two lives for a retry that named one failure',
    plant: async (run) => {
      await run.started('c');
      await run.effect('c');
      await run.fail('c', 'EXECUTION_FAILED', 'yes');
      for (let i = 0; i < 2; i++) {
        await run.retry('c');
        await run.fail('c', 'CANCELLED', 'yes');
      }
      const named = { action: 'retry', commandId: 'c', finishedAt: 'then', outcome: 'unknown' } as const;
      run.clients.operations.splice(0);
      const cancel = { action: 'cancel', commandId: null, finishedAt: null, outcome: 'done' } as const;
      for (const one of [named, named, cancel]) run.clients.noteOperation(one);
    },
    found: ['3 c: it was retried 2 times, and 1 were asked for'],
  },

  {
    name: 'two outcomes in one step',
    plant: async (run) => {
      await run.started('c');
      await run.complete('c', await run.effect('c'), (writes) => [
        ['HSET', keys.command('c'), 'status', 'FAILED'],
        ...writes,
      ]);
    },
    found: ['3 c: it went on after an outcome in one step: FAILED, COMPLETED'],
  },

  {
    name: 'an outcome that changes before a client’s eyes',
    plant: async (run) => {
      await run.started('c');
      await run.effect('c');
      await run.fail('c', 'EXECUTION_FAILED', 'yes');
      run.clients.noteSighting('c', seen('c', 'COMPLETED', 1, 'other'));
      run.clients.noteSighting('c', seen('c', 'FAILED', 1));
    },
    found: ['3 c: a client saw its outcome change'],
  },
];

test.each(plants)('the judge finds $name', async (plant) => {
  expect(await findings(plant)).toEqual(plant.found);
});
