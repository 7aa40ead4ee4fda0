import { keys, queue, without } from '../hand-made-run.js';
import { findings, type Plant } from './planted.js';

const plants: readonly Plant[] = [
  {
    name: 'an accepted command that was never written',
    plant: (run) => Promise.resolve(run.clients.note('accepted', ['c'])),
    found: ['1 c: it was accepted, but it was never written'],
  },

  {
    name: 'a command that is deleted while it waits',
    plant: async (run) => {
      await run.submit('c');
      const { entry } = run.life('c');
      await run.write(
        ['DEL', keys.command('c')],
        ['XDEL', queue, entry],
        ['HINCRBY', keys.counts, 'PENDING', -1],
      );
    },
    found: [
      '1 c: its hash was deleted before it had a terminal status',
      '1 c: it was accepted, but it is gone',
    ],
  },

  {
    name: 'a command that never ends',
    plant: (run) => run.submit('c'),
    found: ['1 c: it came to rest as PENDING, which is not terminal'],
  },

  {
    name: 'a command that is given up, although it was to be executed again',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry', maxLosses: '2' });
      await run.fail('c', 'AGENT_LOST', 'unknown');
      await run.started('d', { onAgentLost: 'retry', maxLosses: '1' });
      await run.fail('d', 'AGENT_LOST', 'unknown');
      // This one was not to be executed again.
      await run.started('e', { onAgentLost: 'retry', maxLosses: '2' });
      await run.askToStop('e');
      await run.fail('e', 'AGENT_LOST', 'unknown');
    },
    found: ['1 c: it was given up after 1 of the 2 losses that it may have'],
  },

  {
    name: 'a command that a reader does not find',
    plant: async (run) => {
      await run.live('c');
      run.clients.noteSighting('c', null);
    },
    found: ['1 c: a client got 404 after it was accepted'],
  },

  {
    name: 'a command that no list shows',
    plant: async (run) => {
      await run.submit('c', {}, without('ZADD'));
      await run.fail('c', 'CANCELLED', 'no', without('ZADD'));
    },
    found: [
      '1 c: it is missing from the index, so no list shows it',
      '1 c: it is missing from the index of failed commands',
    ],
  },

  {
    name: 'a write that the append-only file does not have',
    plant: async (run) => {
      await run.live('c');
      await run.redis.config('SET', 'appendonly', 'no');
      await run.redis.hset(keys.command('c'), 'note', 'unsaved');
    },
    found: ['1 c: Redis and its append-only file disagree about it'],
  },
];

test.each(plants)('the judge finds $name', async (plant) => {
  expect(await findings(plant)).toEqual(plant.found);
});
