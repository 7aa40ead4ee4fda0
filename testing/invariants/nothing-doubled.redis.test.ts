import { keys, without } from '../hand-made-run.js';
import { findings, type Plant } from './planted.js';

const plants: readonly Plant[] = [
  {
    name: 'an attempt that is executed twice',
    plant: async (run) => {
      await run.live('c', { onAgentLost: 'retry' });
      await run.effect('c');
    },
    found: ['2 c: attempt 1 was executed more than once'],
  },

  {
    name: 'two attempts with an effect where none may follow the first',
    plant: async (run) => {
      await run.started('c');
      await run.effect('c');
      await run.putBack('c', 'lost');
      await run.deliver();
      await run.start('c');
      await run.complete('c', await run.effect('c'));
    },
    found: [
      '2 c: it was put back after a loss, although its policy is to fail',
      '2 c: it was executed more than once, although no client asked for a retry',
    ],
  },

  {
    name: 'more attempts than losses allow',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry', maxLosses: '1' });
      await run.putBack('c', 'lost');
      await run.fail('c', 'CANCELLED', 'unknown');
    },
    found: ['2 c: it was put back after as many losses as it may have'],
  },

  {
    name: 'more attempts than failures allow',
    plant: async (run) => {
      await run.started('c', { maxAttempts: '1' });
      await run.effect('c');
      await run.putBack('c', 'failed');
      await run.fail('c', 'CANCELLED', 'yes');
    },
    found: ['2 c: it was put back after as many failures as it may have'],
  },

  {
    name: 'a command that is put back, although it was asked to stop',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      await run.askToStop('c');
      await run.putBack('c', 'lost');
      await run.fail('c', 'CANCELLED', 'unknown');
    },
    found: ['2 c: it was put back, although it had been asked to stop'],
  },

  {
    name: 'an attempt that was executed after it was handed back',
    plant: async (run) => {
      await run.started('c');
      await run.putBack('c', 'released');
      await run.effect('c', 1);
      await run.deliver();
      await run.start('c');
      await run.fail('c', 'EXECUTION_FAILED', 'yes');
    },
    found: ['2 c: attempt 1 was executed, but handed back as not executed'],
  },

  {
    name: 'an effect without a start',
    plant: async (run) => {
      await run.live('c', { onAgentLost: 'retry' });
      await run.effect('c', 2);
      await run.effect('c', 0);
    },
    found: [
      '2 c: attempt 2 was executed, but never started',
      '2 c: attempt 0 was executed, but never started',
    ],
  },

  {
    name: 'an effect of a command that was never written',
    plant: (run) => run.effect('c', 1),
    found: ['2 c: it had an effect, but no such command was ever written'],
  },

  {
    name: 'a start without a marker',
    plant: async (run) => {
      await run.submit('c');
      await run.deliver();
      await run.start('c', { edit: without('SET') });
      await run.fail('c', 'TIMEOUT', 'unknown');
    },
    found: [
      '2 c: it was started without its marker set in the same step',
      '4 c: it is RUNNING without a marker',
    ],
  },
  {
    name: 'a marker without a start',
    plant: async (run) => {
      await run.submit('c');
      await run.redis.set(keys.marker('c'), '0:A:A.1', 'NX');
      await run.fail('c', 'EXPIRED', 'no');
    },
    found: [
      '2 c: its marker was set without a start in the same step',
      '5 c: its marker outlived its attempt',
    ],
  },
  {
    name: 'a marker that could replace another',
    plant: async (run) => {
      await run.submit('c');
      await run.deliver();
      await run.start('c', {
        edit: (writes) =>
          writes.map((write) => (write[0] === 'SET' ? ['SET', keys.marker('c'), '1:A:A.1'] : write)),
      });
      await run.complete('c', await run.effect('c'));
    },
    found: ['2 c: its marker was written other than by SET NX without a time to live'],
  },

  {
    name: 'a marker that may expire',
    plant: async (run) => {
      await run.submit('c');
      await run.deliver();
      await run.start('c', {
        edit: (writes) => writes.map((write) => (write[0] === 'SET' ? [...write, 'PX', 600_000] : write)),
      });
      await run.complete('c', await run.effect('c'));
    },
    found: ['2 c: its marker was written other than by SET NX without a time to live'],
  },

  {
    name: 'one Idempotency-Key with two commands',
    plant: async (run) => {
      await run.live('c');
      await run.live('d');
      for (const id of ['c', 'd']) run.clients.note('accepted', [id], { idempotencyKey: 'k' });
    },
    found: ['2 d: one Idempotency-Key gave two commands'],
  },

  {
    name: 'a command that no client asked for',
    plant: async (run) => {
      await run.live('c');
      await run.live('d');
      await run.live('e');
      run.clients.posts.splice(1, 2);
      run.clients.note('unknown', [], { count: 1 });
    },
    found: ['2 (all): 2 commands that no client learned of, from 1 unclear submissions'],
  },
  {
    name: 'a second command for a key that was answered when it was sent again',
    plant: async (run) => {
      await run.live('c');
      await run.live('d');
      run.clients.posts.splice(0, 2);
      run.clients.note('unknown', [], { idempotencyKey: 'k', count: 1 });
      run.clients.note('accepted', ['c'], { idempotencyKey: 'k' });
    },
    found: ['2 (all): 1 commands that no client learned of, from 0 unclear submissions'],
  },
];

test.each(plants)('the judge finds $name', async (plant) => {
  expect(await findings(plant)).toEqual(plant.found);
});
