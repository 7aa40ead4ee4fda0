import {
  completed,
  emptied,
  failed,
  marker,
  onePending,
  oneRunning,
  pending,
  reportOf,
  running,
  without,
} from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { cancel, endOverdue, type Overdue, type SeenLife } from './cancel-and-retry.js';
import { report } from './transitions.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const waiting: SeenLife = { id: 'a', attempt: 0, retried: '' };
const executed: SeenLife = { id: 'a', attempt: 1, retried: '' };

const run = (...seen: readonly SeenLife[]) => cancel(bench.redis, bench.keys, seen);
const marginMs = 10_000;
const runOverdue = (one: Partial<Overdue> = {}) =>
  endOverdue(bench.redis, bench.keys, marginMs, [{ ...executed, typesTimeoutMs: undefined, ...one }]);

const ended = { status: 'FAILED', finishedAt: 'now' } as const;
const cancelledError = { code: 'CANCELLED', message: 'it was cancelled before it was started' } as const;
const cancelled = {
  ...onePending,
  'command:a': { ...pending, ...ended, executed: 'no', error: cancelledError },
  'commands:default': { stream: [], delivered: '0-0', pending: [] },
  counts: { PENDING: '0', FAILED: '1' },
  'index:failed': { zset: [['a', '1']] },
} as const satisfies RedisState;

describe('a command that waits', () => {
  test('ends at once, also when the call comes twice', async () => {
    await bench.seed(onePending);
    expect(await run(waiting)).toEqual(['cancelled']);
    expect(await bench.state()).toEqual(cancelled);
    expect(await bench.events()).toEqual([['a FAILED 0']]);
    expect(await run(waiting)).toEqual(['cancelled']);
    expect(await bench.state()).toEqual(cancelled);
    expect(await bench.events()).toEqual([]);
  });

  test('ends in `scheduled`, and in `expiring`', async () => {
    const later = { ...pending, entry: '', runAt: 'now+60000', expiresAt: 'now+90000' };
    await bench.seed({
      'command:a': later,
      scheduled: { zset: [['a', 'now+60000']] },
      expiring: { zset: [['a', 'now+90000']] },
      counts: { PENDING: '1' },
      index: { zset: [['a', '1']] },
    });
    expect(await run(waiting)).toEqual(['cancelled']);
    expect(await bench.state()).toEqual({
      'command:a': { ...later, ...ended, executed: 'no', error: cancelledError },
      counts: cancelled.counts,
      index: cancelled.index,
      'index:failed': cancelled['index:failed'],
    });
  });

  test.each(['agent-1', '~recovery'])('is taken back from %s, which has not started it', async (consumer) => {
    await bench.seed({
      ...onePending,
      'commands:default': {
        stream: [['1-1', { id: 'a' }]],
        delivered: '1-1',
        pending: [['1-1', consumer, 'now-1000']],
      },
    });
    expect(await run(waiting)).toEqual(['cancelled']);
    expect(await bench.state()).toEqual({ ...cancelled, 'commands:default': emptied });
  });

  test.each([
    ['failed by itself', 'yes'],
    ['was lost', 'unknown'],
  ])('is not said to be unexecuted when an earlier attempt %s', async (_, executed) => {
    await bench.seed({ ...onePending, 'command:a': { ...pending, attempt: '1', executed } });
    expect(await run({ ...waiting, attempt: 1 })).toEqual(['cancelled']);
    const message = 'it was cancelled before its next attempt was started';
    expect(await bench.state()).toMatchObject({
      'command:a': { status: 'FAILED', executed, error: { code: 'CANCELLED', message } },
    });
  });
});

const requested = {
  ...oneRunning,
  'command:a': { ...running, cancelRequestedAt: 'now' },
} as const satisfies RedisState;

describe('a command that runs', () => {
  test('is asked to stop, and its agent is notified, each time', async () => {
    const subscriber = bench.server.client();
    await subscriber.subscribe(bench.keys.cancels('agent-1'));
    const heard: string[] = [];
    subscriber.on('message', (_channel, message: string) => heard.push(message));
    await bench.seed(oneRunning);
    expect(await run(executed)).toEqual(['requested']);
    expect(await bench.state()).toEqual(requested);
    expect(await run(executed)).toEqual(['requested']);
    expect(await bench.state()).toEqual(requested);
    // Answered behind the hints.
    await subscriber.ping();
    expect(heard).toEqual(['a 1', 'a 1']);
    expect(await bench.events()).toEqual([]);
    subscriber.disconnect();
  });

  test('keeps the time of the first request', async () => {
    const state = { ...oneRunning, 'command:a': { ...running, cancelRequestedAt: 'now-2000' } };
    await bench.seed(state);
    expect(await run(executed)).toEqual(['requested']);
    expect(await bench.state()).toEqual(state);
  });

  test('ends by its report, and a call that comes after that changes nothing', async () => {
    await bench.seed(requested);
    const outcome = { ...failed, code: 'CANCELLED' } as const;
    await report(bench.redis, bench.keys, [reportOf(outcome)]);
    const state = await bench.state();
    expect(state).toMatchObject({ 'command:a': { status: 'FAILED', error: { code: 'CANCELLED' } } });
    expect(await run(executed)).toEqual(['cancelled']);
    expect(await bench.state()).toEqual(state);
  });

  test('that was quicker stays COMPLETED: what happened is reported', async () => {
    await bench.seed(requested);
    expect(await report(bench.redis, bench.keys, [reportOf(completed)])).toEqual(['accepted']);
    const state = await bench.state();
    expect(state).toMatchObject({ 'command:a': { status: 'COMPLETED', result: '{"ok":true}' } });
    expect(await run(executed)).toEqual(['refused']);
    expect(await bench.state()).toEqual(state);
  });
});

test.each<[string, RedisState, SeenLife]>([
  ['an earlier attempt', oneRunning, { ...executed, attempt: 0 }],
  ['a later attempt', oneRunning, { ...executed, attempt: 2 }],
  ['a wait before this attempt', oneRunning, waiting],
  ['an earlier life', { ...oneRunning, 'command:a': { ...running, retried: '7' } }, executed],
  [
    'an earlier life, that waits again',
    { ...onePending, 'command:a': { ...pending, attempt: '1', retried: '7' } },
    executed,
  ],
  ['a life that never was', oneRunning, { ...executed, retried: '7' }],
  ['one that is COMPLETED', { 'command:a': { ...running, status: 'COMPLETED' } }, executed],
  [
    'one that failed by itself, whatever it says',
    {
      'command:a': {
        ...running,
        status: 'FAILED',
        error: { code: 'EXECUTION_FAILED', message: '"code":"CANCELLED"' },
      },
    },
    executed,
  ],
])('is refused for %s', async (_, state, seen) => {
  await bench.seed(state);
  expect(await run(seen)).toEqual(['refused']);
  expect(await bench.state()).toEqual(state);
  expect(await bench.events()).toEqual([]);
});

test.each<[string, RedisState]>([
  ['gone', {}],
  ['broken', { 'command:a': 'x' }],
  ['broken', { 'command:a': { status: 'PENDING' } }],
  ['broken', { 'command:a': { ...pending, attempt: 'first' } }],
])('says %s of what is no command', async (word, state) => {
  await bench.seed(state);
  expect(await run(waiting)).toEqual([word]);
  expect(await bench.state()).toEqual(state);
});

describe('an attempt that hangs', () => {
  const over = { ...running, startedAt: 'now-71000', timeoutMs: '60000' } as const;
  const endedByServer = (fields: object, error: object): RedisState => ({
    ...without(oneRunning, 'exec:a'),
    'command:a': { ...fields, ...ended, executed: 'unknown', error: { ...error } },
    'commands:default': emptied,
    counts: { RUNNING: '0', FAILED: '1' },
    'index:failed': { zset: [['a', '1']] },
  });
  const silent = 'agent-1 has not said that it stopped';
  const timedOut = { code: 'TIMEOUT', message: `not done after 60000 ms, and ${silent}` };

  test('is ended when its deadline and a margin are over, once', async () => {
    await bench.seed({ ...oneRunning, 'command:a': over });
    expect(await runOverdue()).toEqual(['cancelled']);
    const state = endedByServer(over, timedOut);
    expect(await bench.state()).toEqual(state);
    expect(await bench.events()).toEqual([['a FAILED 1']]);
    expect(await runOverdue()).toEqual(['refused']);
    expect(await bench.state()).toEqual(state);
  });

  test('has the deadline of its type when it has none of its own', async () => {
    const fields = { ...running, startedAt: 'now-71000' };
    await bench.seed({ ...oneRunning, 'command:a': fields });
    expect(await runOverdue({ typesTimeoutMs: 62_000 })).toEqual(['refused']);
    expect(await runOverdue({ typesTimeoutMs: 60_000 })).toEqual(['cancelled']);
    expect(await bench.state()).toEqual(endedByServer(fields, timedOut));
  });

  test('is ended when it was asked to stop, and did not within the margin', async () => {
    const fields = { ...running, cancelRequestedAt: 'now-10500' };
    await bench.seed({ ...oneRunning, 'command:a': fields });
    expect(await runOverdue()).toEqual(['cancelled']);
    const message = `it was cancelled, and ${silent}`;
    expect(await bench.state()).toEqual(endedByServer(fields, { code: 'CANCELLED', message }));
  });

  test('is not tried again, whatever it may: its handler may still be at work', async () => {
    await bench.seed({
      ...oneRunning,
      'command:a': { ...over, maxAttempts: '5', onAgentLost: 'retry', executed: 'no' },
    });
    await runOverdue();
    expect(await bench.state()).toMatchObject({ 'command:a': { status: 'FAILED', executed: 'unknown' } });
  });

  test('says too late how it ended', async () => {
    await bench.seed({ ...oneRunning, 'command:a': over });
    await runOverdue();
    expect(await report(bench.redis, bench.keys, [reportOf(completed)])).toEqual(['late']);
    expect(await bench.state()).toMatchObject({
      'command:a': { status: 'FAILED', error: timedOut },
      'history:a': { list: [{ why: 'late', attempt: 1, status: 'COMPLETED' }] },
    });
  });

  test.each<[string, object, Partial<Overdue>]>([
    ['within its time', { ...running, timeoutMs: '60000' }, {}],
    ['within the margin', { ...over, startedAt: 'now-69000' }, {}],
    ['asked to stop within the margin', { ...running, cancelRequestedAt: 'now-9000' }, {}],
    ['without a deadline', { ...running, startedAt: '1' }, {}],
    ['whose start is corrupted', { ...over, startedAt: 'then' }, {}],
    ['whose timeout is corrupted', { ...over, timeoutMs: 'soon' }, {}],
    ['of another attempt', over, { attempt: 2 }],
    ['of another life', over, { retried: '7' }],
  ])('is refused for one %s', async (_, fields, more) => {
    const state = { ...oneRunning, 'command:a': fields } as RedisState;
    await bench.seed(state);
    expect(await runOverdue(more)).toEqual(['refused']);
    expect(await bench.state()).toEqual(state);
  });

  test.each(['PENDING', 'COMPLETED', 'FAILED'])('is refused for one that is %s', async (status) => {
    const state = { 'command:a': { ...over, status } };
    await bench.seed(state);
    expect(await runOverdue()).toEqual(['refused']);
    expect(await bench.state()).toEqual(state);
  });
});

test('a batch treats each by itself, and one that comes twice as in two calls', async () => {
  await bench.seed({
    ...onePending,
    'command:b': { ...running, entry: '1-2' },
    'exec:b': marker,
    'command:odd': 'x',
    'commands:default': {
      stream: [
        ['1-1', { id: 'a' }],
        ['1-2', { id: 'b' }],
      ],
      delivered: '1-2',
      pending: [['1-2', 'agent-1', 'now-5000']],
    },
    counts: { PENDING: '1', RUNNING: '1' },
  });
  const b = { ...executed, id: 'b' };
  const others = ['gone', 'odd'].map((id) => ({ ...waiting, id }));
  expect(await run(waiting, b, waiting, ...others)).toEqual([
    'cancelled',
    'requested',
    'cancelled',
    'gone',
    'broken',
  ]);
  expect(await bench.state()).toMatchObject({
    counts: { PENDING: '0', RUNNING: '1', FAILED: '1' },
    'command:b': { status: 'RUNNING', cancelRequestedAt: 'now' },
    'commands:default': { stream: [['1-2', { id: 'b' }]] },
  });
});

test.each<[string, RedisState]>([
  ['the stream', { 'commands:default': 'x' }],
  ['scheduled', { scheduled: 'x' }],
  ['expiring', { expiring: 'x' }],
  ['counts', { counts: 'x' }],
  ['index', { index: 'x' }],
  ['index:failed', { 'index:failed': 'x' }],
])('ends a command also beside a key of a foreign kind: %s', async (_, keys) => {
  await bench.seed({ ...onePending, ...keys });
  expect(await run(waiting)).toEqual(['cancelled']);
  expect(await bench.state()).toMatchObject({ ...keys, 'command:a': cancelled['command:a'] });
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed(onePending);
  expect(await bench.whenFull(() => run(waiting))).toEqual(['cancelled']);
  expect(await bench.state()).toEqual(cancelled);
});
