import { group } from '../../shared/store/keys.js';
import { also, keys, queue } from '../hand-made-run.js';
import { findings, type Plant } from './planted.js';

const plants: readonly Plant[] = [
  {
    name: 'a second start of a command that runs',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      await run.start('c', { agentId: 'B', edit: (writes) => [['DEL', keys.marker('c')], ...writes] });
      await run.complete('c', await run.effect('c'));
    },
    found: ['4 c: it moved from RUNNING to RUNNING'],
  },

  {
    name: 'a report of an attempt that is no longer current',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      await run.putBack('c', 'lost');
      await run.deliver('B');
      await run.start('c', { agentId: 'B' });
      const late = await run.effect('c', 1);
      run.life('c').marker = '1:A:A.1';
      await run.complete('c', late);
    },
    found: [
      '4 c: an outcome was accepted from another than the holder of its marker',
      '6 c: its outcome was accepted from another attempt than the last',
    ],
  },

  {
    name: 'a report of a command that waits',
    plant: async (run) => {
      await run.submit('c');
      await run.deliver();
      await run.complete('c', await run.effect('c', 0));
    },
    found: [
      '2 c: attempt 0 was executed, but never started',
      '4 c: it moved from PENDING to COMPLETED',
      '4 c: an outcome was accepted from another than the holder of its marker',
      '6 c: its outcome was accepted from another agent than the one it names',
    ],
  },

  {
    name: 'a progress of an attempt that is no longer current',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      await run.putBack('c', 'lost');
      await run.deliver('B');
      await run.start('c', { agentId: 'B' });
      await run.reportProgress('c', { attempt: 1 });
      await run.complete('c', await run.effect('c'));
    },
    found: ['4 c: its progress was reported by another attempt than the one that runs'],
  },

  {
    name: 'a progress of a command that waits',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      await run.putBack('c', 'lost');
      await run.reportProgress('c', { attempt: 1 });
      await run.deliver('B');
      await run.start('c', { agentId: 'B' });
      await run.complete('c', await run.effect('c'));
    },
    found: ['4 c: its progress was reported by another attempt than the one that runs'],
  },

  {
    name: 'a progress of a command that has ended',
    plant: async (run) => {
      await run.started('c');
      await run.complete('c', await run.effect('c'));
      await run.reportProgress('c');
    },
    found: ['3 c: it was COMPLETED, and was written to again'],
  },

  {
    name: 'nothing in the progress of an attempt that runs, nor in that of the next',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      await run.reportProgress('c', { sequence: 7 });
      await run.reportProgress('c', { sequence: 10 });
      await run.putBack('c', 'lost');
      await run.deliver('B');
      await run.start('c', { agentId: 'B' });
      await run.reportProgress('c');
      await run.complete('c', await run.effect('c'));
    },
    found: [],
  },

  {
    name: 'a progress of another attempt in a transaction with one that is right',
    plant: async (run) => {
      await run.started('c', { onAgentLost: 'retry' });
      await run.putBack('c', 'lost');
      await run.deliver('B');
      await run.start('c', { agentId: 'B' });
      const late = ['HSET', keys.command('c'), 'progress', '1', 'progressOf', '1:9'] as const;
      await run.reportProgress('c', { edit: (writes) => [late, ...writes] });
      await run.complete('c', await run.effect('c'));
    },
    found: ['4 c: its progress was reported by another attempt than the one that runs'],
  },

  {
    name: 'a progress that comes late, behind another of its attempt',
    plant: async (run) => {
      await run.started('c');
      await run.reportProgress('c', { sequence: 10 });
      await run.reportProgress('c', { sequence: 9 });
      await run.complete('c', await run.effect('c'));
    },
    found: ['4 c: its progress was replaced by one that was not reported later'],
  },

  {
    name: 'a progress that is stored twice',
    plant: async (run) => {
      await run.started('c');
      await run.reportProgress('c');
      await run.reportProgress('c');
      await run.complete('c', await run.effect('c'));
    },
    found: ['4 c: its progress was replaced by one that was not reported later'],
  },

  {
    name: 'a progress that is of no attempt',
    plant: async (run) => {
      await run.started('c');
      await run.reportProgress('c', {
        edit: () => [['HSET', keys.command('c'), 'progress', '0.5']],
      });
      await run.complete('c', await run.effect('c'));
    },
    found: ['4 c: its progress was written without its attempt'],
  },

  {
    name: 'a renewal by an agent that does not hold the command',
    plant: async (run) => {
      await run.started('c');
      await run.redis.xclaim(queue, group, 'B', 0, run.life('c').entry, 'JUSTID');
      await run.complete('c', await run.effect('c'));
    },
    found: ['4 c: its entry was taken by B while A ran it'],
  },

  {
    name: 'a start by a session that was replaced',
    plant: async (run) => {
      await run.redis.set(keys.session('A'), 'A.2');
      await run.live('c');
    },
    found: ['4 c: a session started it that A.2 had replaced'],
  },

  {
    name: 'nothing in a start by a caller without a session',
    plant: async (run) => {
      await run.redis.set(keys.session('A'), 'A.2');
      await run.submit('c');
      await run.deliver();
      await run.start('c', {
        edit: (writes) =>
          writes.map((write) => (write[0] === 'SET' ? ['SET', keys.marker('c'), '1:A:', 'NX'] : write)),
      });
      run.life('c').marker = '1:A:';
      await run.complete('c', await run.effect('c'));
    },
    found: [],
  },
  {
    name: 'a marker that is taken away from a running attempt',
    plant: async (run) => {
      await run.started('c');
      await run.redis.del(keys.marker('c'));
      await run.fail('c', 'TIMEOUT', 'unknown');
    },
    found: ['4 c: it is RUNNING without a marker'],
  },

  {
    name: 'a marker that changes hands during an attempt',
    plant: async (run) => {
      await run.started('c');
      await run.redis.set(keys.marker('c'), '1:B:B.1');
      await run.fail('c', 'TIMEOUT', 'unknown');
    },
    found: [
      '2 c: its marker was written other than by SET NX without a time to live',
      '2 c: its marker was set without a start in the same step',
      '4 c: its marker changed hands during an attempt',
    ],
  },

  {
    name: 'a marker in another agent’s name',
    plant: async (run) => {
      await run.submit('c');
      await run.deliver();
      await run.start('c', { edit: also(['HSET', keys.command('c'), 'agentId', 'B']) });
      await run.fail('c', 'TIMEOUT', 'unknown');
    },
    found: ['4 c: its marker names another agent than its hash'],
  },

  {
    name: 'nothing in pauses that held, however what ran before and after them went on',
    plant: async (run) => {
      await run.started('a');
      await run.submit('b');
      await run.write(['HSET', keys.paused, 'default', 1, 'other', 1]);
      const pause = { queue: 'default', answeredAtMs: await nextMs(), resumedAtMs: await nextMs() };
      run.clients.pauses.push(pause, { queue: 'other', answeredAtMs: 0 });
      await run.complete('a', await run.effect('a'));
      await run.write(['HDEL', keys.paused, 'default']);
      await run.deliver();
      await run.start('b');
      await run.complete('b', await run.effect('b'));
    },
    found: [],
  },
  {
    name: 'a start from a paused queue',
    plant: async (run) => {
      await run.write(['HSET', keys.paused, 'other', 1, 'default', 1]);
      await run.live('c');
    },
    found: ['4 c: it was started from a paused queue'],
  },
  {
    name: 'a start after a pause that was answered and never made',
    plant: async (run) => {
      run.clients.pauses.push({ queue: 'default', answeredAtMs: await nextMs() });
      await nextMs();
      await run.live('c');
    },
    found: ['4 c: attempt 1 was started after a pause of its queue had been answered'],
  },
];

/** Now; and when it resolves, a later millisecond has begun. */
async function nextMs(): Promise<number> {
  const now = Date.now();
  while (Date.now() === now) await new Promise(setImmediate);
  return now;
}

test.each(plants)('the judge finds $name', async (plant) => {
  expect(await findings(plant)).toEqual(plant.found);
});
