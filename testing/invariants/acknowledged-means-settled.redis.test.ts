import { group } from '../../shared/store/keys.js';
import { also, keys, queue, without } from '../hand-made-run.js';
import { findings, type Plant } from './planted.js';

const plants: readonly Plant[] = [
  {
    name: 'an acknowledgement before the outcome is stored',
    plant: async (run) => {
      await run.started('c');
      const { entry } = run.life('c');
      await run.write(['XACK', queue, group, entry], ['XDEL', queue, entry]);
      await run.complete('c', await run.effect('c'));
    },
    found: ['5 c: it is RUNNING, but its entry is gone'],
  },

  {
    name: 'an acknowledgement of a command that no agent has started',
    plant: async (run) => {
      await run.submit('c');
      await run.deliver();
      await run.write(['XACK', queue, group, run.life('c').entry]);
      await run.fail('c', 'EXPIRED', 'no');
    },
    found: ['5 c: it is PENDING and not scheduled, but its entry is acked'],
  },

  {
    name: 'a consumer that is removed with what it has pending',
    plant: async (run) => {
      await run.submit('c');
      await run.deliver();
      await run.redis.xgroup('DELCONSUMER', queue, group, 'A');
      await run.fail('c', 'EXPIRED', 'no');
    },
    found: ['5 c: it is PENDING and not scheduled, but its entry is acked'],
  },

  {
    name: 'an outcome whose entry stays pending',
    plant: async (run) => {
      await run.started('c');
      await run.complete('c', await run.effect('c'), without('XACK'));
    },
    found: [
      '5 c: it is COMPLETED, and its entry is still dangling',
      '5 (all): fencepost:{0}:commands:default has 1 pending entries at rest',
    ],
  },

  {
    name: 'an outcome whose entry stays in the stream',
    plant: async (run) => {
      await run.started('c');
      await run.complete('c', await run.effect('c'), without('XDEL'));
    },
    found: [
      '5 c: it is COMPLETED, and its entry is still acked',
      '5 (all): fencepost:{0}:commands:default holds 1 entries for 0 queued commands',
    ],
  },

  {
    name: 'a command that is put back beside its old entry',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      const { entry } = run.life('c');
      await run.putBack('c', 'lost', (writes) => without('XACK')(without('XDEL')(writes)));
      await run.write(['XACK', queue, group, entry], ['XDEL', queue, entry]);
      await run.fail('c', 'CANCELLED', 'unknown');
    },
    found: ['5 c: its former entry was left behind, pending'],
  },

  {
    name: 'a submission without an entry',
    plant: async (run) => {
      await run.submit('c', {}, without('XADD'));
      await run.fail('c', 'EXPIRED', 'no');
    },
    found: ['5 c: it is PENDING and not scheduled, but its entry is gone'],
  },

  {
    name: 'a promotion that leaves the command scheduled',
    plant: async (run) => {
      await run.submit('c', {}, also(['ZADD', keys.scheduled, 1, 'c']));
      await run.write(['ZREM', keys.scheduled, 'c']);
      await run.fail('c', 'EXPIRED', 'no', also(['ZADD', keys.scheduled, 1, 'c']));
    },
    found: [
      '5 c: it is both queued and scheduled',
      '5 c: it is FAILED, and still scheduled',
      '5 c: it is scheduled, but not PENDING',
    ],
  },

  {
    name: 'a running command that is scheduled as well',
    plant: async (run) => {
      await run.started('c');
      await run.write(['ZADD', keys.scheduled, 1, 'c']);
      await run.complete('c', await run.effect('c'), also(['ZREM', keys.scheduled, 'c']));
    },
    found: ['5 c: it is RUNNING and scheduled'],
  },
  {
    name: 'a waiting command that was given no way forward',
    plant: (run) =>
      run.submit('c', {}, (writes) => writes.filter((write) => write[0] !== 'XADD' && write[2] !== 'entry')),
    found: [
      '1 c: it came to rest as PENDING, which is not terminal',
      '5 c: it is PENDING and not scheduled, but its entry is gone',
      '5 c: it is PENDING, but neither queued nor scheduled',
    ],
  },
  {
    name: 'a stream that is deleted with a command in it',
    plant: async (run) => {
      await run.submit('c');
      await run.redis.del(queue);
    },
    found: [
      '1 c: it came to rest as PENDING, which is not terminal',
      '5 c: it is PENDING and not scheduled, but its entry is gone',
      '5 (all): queue default has no stream for 1 queued commands',
    ],
  },
  {
    name: 'a marker that outlives its attempt',
    plant: async (run) => {
      await run.started('c');
      await run.complete('c', await run.effect('c'), without('DEL'));
    },
    found: ['5 c: its marker outlived its attempt', '5 c: its marker was left behind'],
  },

  {
    name: 'counts that drift',
    plant: async (run) => {
      await run.live('c');
      await run.redis.hincrby(keys.counts, 'RUNNING', 1);
    },
    found: ['5 (all): counts says 1 RUNNING, but there are 0'],
  },
];

test.each(plants)('the judge finds $name', async (plant) => {
  expect(await findings(plant)).toEqual(plant.found);
});
