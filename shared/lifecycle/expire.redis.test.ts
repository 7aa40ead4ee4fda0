import { emptied, marker, onePending, oneRunning, pending, running } from '../../testing/command-fixtures.js';
import { type RedisState, type StreamState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { expire } from './transitions.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const run = (most = 10) => expire(bench.redis, bench.keys, most);

const due = { expiring: { zset: [['a', 'now-1000']] } } as const;
const waits = { ...pending, expiresAt: 'now-1000' };
const one = { ...onePending, ...due, 'command:a': waits };
const expired = {
  ...onePending,
  'command:a': {
    ...waits,
    status: 'FAILED',
    finishedAt: 'now',
    executed: 'no',
    error: { code: 'EXPIRED', message: 'it was not started within its ttlMs' },
  },
  'commands:default': { stream: [], delivered: '0-0', pending: [] },
  counts: { PENDING: '0', FAILED: '1' },
  'index:failed': { zset: [['a', '1']] },
};

test('ends a command that was not started in time', async () => {
  await bench.seed(one);
  expect(await run()).toEqual({ count: 1, more: false });
  expect(await bench.state()).toEqual(expired);
  expect(await bench.events()).toEqual([['a FAILED 0']]);
});

test('does nothing the second time', async () => {
  await bench.seed(one);
  await run();
  await bench.events();
  expect(await run()).toEqual({ count: 0, more: false });
  expect(await bench.state()).toEqual(expired);
  expect(await bench.events()).toEqual([]);
});

test('ends a command that waits in `scheduled`', async () => {
  await bench.seed({
    'command:a': { ...waits, entry: '', runAt: 'now+60000' },
    ...due,
    scheduled: { zset: [['a', 'now+60000']] },
    counts: { PENDING: '1' },
    index: { zset: [['a', '1']] },
  });
  expect(await run()).toEqual({ count: 1, more: false });
  expect(await bench.state()).toEqual({
    'command:a': { ...expired['command:a'], entry: '', runAt: 'now+60000' },
    counts: expired.counts,
    index: expired.index,
    'index:failed': expired['index:failed'],
  });
});

test.each<[string, StreamState['pending']]>([
  ['an agent that has not started it', [['1-1', 'agent-1', 'now-1000']]],
  ['recovery', [['1-1', '~recovery', 'now-1000']]],
])('takes its entry back from %s', async (_, pending) => {
  await bench.seed({
    ...one,
    'commands:default': { stream: [['1-1', { id: 'a' }]], delivered: '1-1', pending: pending ?? [] },
  });
  expect(await run()).toEqual({ count: 1, more: false });
  expect(await bench.state()).toEqual({ ...expired, 'commands:default': emptied });
});

test.each([
  ['a type that no agent knew', { waitingFor: 'DELAY' }, 'no', 'UNSUPPORTED_TYPE', /knew DELAY/],
  ['an attempt that failed before', { attempt: '1', executed: 'yes' }, 'yes', 'EXPIRED', /its next attempt/],
  [
    'an attempt that was lost before',
    { attempt: '1', executed: 'unknown' },
    'unknown',
    'EXPIRED',
    /its next attempt/,
  ],
])('tells the truth about %s', async (_, fields, executed, code, message) => {
  await bench.seed({ ...one, 'command:a': { ...waits, ...fields } });
  await run();
  expect(await bench.state()).toMatchObject({
    'command:a': { executed, error: { code, message: expect.stringMatching(message) as string } },
  });
});

test.each<[string, RedisState]>([
  ['nothing expires', onePending],
  ['its time has not come', { ...one, expiring: { zset: [['a', 'now+60000']] } }],
  ['`expiring` is of a foreign kind', { ...one, expiring: 'x' }],
])('changes nothing when %s', async (_, state) => {
  await bench.seed(state);
  expect(await run()).toEqual({ count: 0, more: false });
  expect(await bench.state()).toEqual(state);
  expect(await bench.events()).toEqual([]);
});

test.each<[string, RedisState]>([
  ['does not exist', {}],
  ['is no hash', { 'command:a': 'x' }],
  ['has no queue', { 'command:a': { status: 'PENDING', expiresAt: 'now-1000' } }],
  ['has an expiry that is no number', { 'command:a': { ...waits, expiresAt: 'soon' } }],
  ['expires later than that', { 'command:a': { ...waits, expiresAt: 'now+60000' } }],
  ['never expires', { 'command:a': pending }],
  [
    'is RUNNING: it was started in time',
    { ...oneRunning, 'command:a': { ...running, expiresAt: 'now-1000' } },
  ],
  ['has a marker', { 'command:a': waits, 'exec:a': marker }],
  ['has a marker of a foreign kind', { 'command:a': waits, 'exec:a': { list: ['x'] } }],
  ['is COMPLETED', { 'command:a': { ...waits, status: 'COMPLETED' } }],
  ['is FAILED', { 'command:a': { ...waits, status: 'FAILED' } }],
])('drops an id whose command %s', async (_, state) => {
  await bench.seed({ ...state, ...due });
  expect(await run()).toEqual({ count: 0, more: false });
  expect(await bench.state()).toEqual(state);
  expect(await bench.events()).toEqual([]);
});

test('ends what is due first, at most so many, and says when there may be more', async () => {
  await bench.seed({
    'command:a': waits,
    'command:b': { ...waits, entry: '1-2', attempt: '3' },
    'command:c': { ...waits, entry: '1-3' },
    expiring: {
      zset: [
        ['b', 'now-3000'],
        ['gone', 'now-2500'],
        ['c', 'now-2000'],
        ['a', 'now-1000'],
      ],
    },
    counts: { PENDING: '3' },
  });
  expect(await run(3)).toEqual({ count: 2, more: true });
  expect(await bench.events()).toEqual([['b FAILED 3', 'c FAILED 0']]);
  expect(await run(3)).toEqual({ count: 1, more: false });
  expect(await bench.state()).toMatchObject({ counts: { PENDING: '0', FAILED: '3' } });
});

test.each<[string, RedisState]>([
  ['the stream', { 'commands:default': 'x' }],
  ['scheduled', { scheduled: 'x' }],
  ['counts', { counts: 'x' }],
  ['index', { index: 'x' }],
  ['index:failed', { 'index:failed': 'x' }],
])('ends it also beside a key of a foreign kind: %s', async (_, keys) => {
  await bench.seed({ ...one, ...keys });
  expect(await run()).toEqual({ count: 1, more: false });
  expect(await bench.state()).toMatchObject({ ...keys, 'command:a': expired['command:a'] });
  expect(await bench.events()).toEqual([['a FAILED 0']]);
});

test('takes a batch of a thousand', async () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `c${i}`);
  await bench.seed({
    ...Object.fromEntries(ids.map((id) => [`command:${id}`, waits])),
    expiring: { zset: ids.map((id, i) => [id, i] as const) },
    counts: { PENDING: '1000' },
  });
  expect(await run(1000)).toEqual({ count: 1000, more: true });
  expect(await bench.redis.hgetall(bench.keys.counts)).toEqual({ PENDING: '0', FAILED: '1000' });
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed(one);
  expect(await bench.whenFull(() => run())).toEqual({ count: 1, more: false });
  expect(await bench.state()).toEqual(expired);
});
