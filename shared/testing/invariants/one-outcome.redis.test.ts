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
