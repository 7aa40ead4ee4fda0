import {
  asAgent1,
  marker,
  onePending,
  oneRunning,
  pending,
  session,
  startedA,
  without,
} from '../../testing/command-fixtures.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { start, type StartOptions } from './transitions.js';

// Entries that were delivered to an agent before and are not in flight there: an answer was lost, or its
// blocking read took an entry.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const ask = (options: Partial<StartOptions> = {}) =>
  start(bench.redis, bench.keys, { ...asAgent1, ...options });
const ok = (started: object[], waiting: object[] = []) => ({
  word: 'ok',
  now: expect.any(Number) as number,
  started,
  waiting,
  paused: [],
  more: false,
});

const renewed = {
  ...oneRunning,
  'commands:default': { ...oneRunning['commands:default'], pending: [['1-1', 'agent-1', 'now']] },
};
const delivered = {
  ...onePending,
  'commands:default': {
    stream: [['1-1', { id: 'a' }]],
    delivered: '1-1',
    pending: [['1-1', 'agent-1', 'now-60000']],
  },
} as const;

describe('a command that this session started', () => {
  test('is given again with the same attempt, and its lease begins anew', async () => {
    await bench.seed(oneRunning);
    expect(await ask()).toEqual(ok([startedA]));
    expect(await bench.state()).toEqual(renewed);
    expect(await bench.events()).toEqual([]);
  });

  test('is given again also beyond the limit: it is running', async () => {
    await bench.seed(oneRunning);
    expect(await ask({ inFlight: ['default/0-1'] })).toEqual(ok([startedA]));
  });

  test('is left alone when it is in its hands', async () => {
    await bench.seed(oneRunning);
    expect(await ask({ limit: 5, inFlight: ['default/1-1'] })).toEqual(ok([]));
    expect(await bench.state()).toEqual(oneRunning);
  });

  test('is given again although an entry of another queue bears the same id and is in its hands', async () => {
    await bench.seed(oneRunning);
    expect(await ask({ limit: 5, inFlight: ['urgent/1-1'] })).toEqual(ok([startedA]));
    expect(await bench.state()).toEqual(renewed);
  });

  test('counts before anything new is started, in whichever queue it is', async () => {
    const other = {
      'command:b': { ...pending, queue: 'urgent' },
      'commands:urgent': { stream: [['1-1', { id: 'b' }]], delivered: '0-0', pending: [] },
    } as const;
    await bench.seed({ ...oneRunning, ...other });
    expect(await ask({ queues: ['urgent', 'default'] })).toEqual(ok([startedA]));
    expect(await bench.state()).toEqual({ ...renewed, ...other });
  });
});

describe('a RUNNING command in its pending list is not given, and keeps its lease, when', () => {
  test.each([
    ['an earlier session started it', { ...oneRunning, 'exec:a': '1:agent-1:i1.0' }],
    ['an earlier attempt is what the marker names', { ...oneRunning, 'exec:a': `7:agent-1:${session}` }],
    ['another agent started it', { ...oneRunning, 'exec:a': `1:agent-2:${session}` }],
    ['its marker is gone', without(oneRunning, 'exec:a')],
    ['its marker is something else', { ...oneRunning, 'exec:a': 'x' }],
    ['its marker is no string', { ...oneRunning, 'exec:a': { list: [marker] } }],
  ])('%s', async (_, state) => {
    await bench.seed(state);
    expect(await ask()).toEqual(ok([]));
    expect(await bench.state()).toEqual(state);
  });

  test('the caller has no session, for which it counts as running', async () => {
    const state = {
      ...oneRunning,
      'exec:a': '1:agent-1:',
      'command:b': { ...pending, entry: '1-2' },
      'commands:default': {
        ...oneRunning['commands:default'],
        stream: [
          ['1-1', { id: 'a' }],
          ['1-2', { id: 'b' }],
        ],
      },
    } as const;
    await bench.seed(state);
    expect(await ask({ session: '' })).toEqual(ok([]));
    expect(await bench.state()).toEqual(state);
    expect(await ask({ session: '', limit: 2 })).toMatchObject({ started: [{ id: 'b' }] });
  });
});

describe('a command that was delivered and never started', () => {
  test('is started, and its lease begins now', async () => {
    await bench.seed(delivered);
    expect(await ask()).toEqual(ok([startedA]));
    expect(await bench.state()).toEqual({
      ...renewed,
      'command:a': { ...oneRunning['command:a'], startedAt: 'now' },
      counts: { PENDING: '0', RUNNING: '1' },
    });
    expect(await bench.events()).toEqual([['a RUNNING 1']]);
  });

  test('waits without a renewed lease when no slot is free', async () => {
    await bench.seed(delivered);
    const waiting = { queue: 'default', entry: 'default/1-1', id: 'a' };
    expect(await ask({ inFlight: ['default/0-1'] })).toEqual(ok([], [waiting]));
    expect(await bench.state()).toEqual(delivered);
    expect(await bench.events()).toEqual([]);
  });

  test('comes before what waits in the stream', async () => {
    await bench.seed({
      ...delivered,
      'command:b': { ...pending, queue: 'urgent' },
      'commands:urgent': { stream: [['1-1', { id: 'b' }]], delivered: '0-0', pending: [] },
    });
    expect(await ask({ queues: ['urgent', 'default'] })).toEqual(ok([startedA]));
  });

  test('is another agent’s matter when it was delivered there', async () => {
    await bench.seed(delivered);
    expect(await ask({ agentId: 'agent-2', session: '' })).toEqual(ok([]));
    expect(await bench.state()).toEqual(delivered);
  });

  test('stays where it is while a marker is set that should not be', async () => {
    const state = { ...delivered, 'exec:a': marker };
    await bench.seed(state);
    expect(await ask()).toEqual(ok([]));
    expect(await bench.state()).toEqual(state);
  });

  test('is started once when its queue is named twice', async () => {
    await bench.seed(delivered);
    expect(await ask({ queues: ['default', 'default'], limit: 5 })).toEqual(ok([startedA]));
  });
});

test('an entry that was deleted from the stream leaves the pending list', async () => {
  await bench.seed(delivered);
  await bench.redis.xdel(bench.keys.stream('default'), '1-1');
  expect(await ask()).toEqual(ok([]));
  expect(await bench.state()).toEqual({
    ...onePending,
    'commands:default': { stream: [], delivered: '1-1', pending: [] },
  });
});

test('a start that arrives after the command was put back finds only the new entry', async () => {
  const state = {
    ...onePending,
    'command:a': { ...pending, attempt: '1', entry: '2-1' },
    'commands:default': {
      stream: [['2-1', { id: 'a' }]],
      delivered: '2-1',
      pending: [['2-1', 'agent-2', 'now-60000']],
    },
  } as const;
  await bench.seed(state);
  expect(await ask({ inFlight: ['default/1-1'], limit: 2 })).toEqual(ok([]));
  expect(await bench.state()).toEqual(state);
});
