import { pending, running } from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { promote } from './transitions.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const run = (most = 10) => promote(bench.redis, bench.keys, most);

/** Reply: so many, and the next one at some time, at once, or never. */
const promotedThen = (count: number, next: 'later' | 'now' | 'never') => ({
  count,
  nextInMs: { later: expect.any(Number) as number, now: 0, never: undefined }[next],
});

const waits = { ...pending, entry: '', runAt: 'now-1000' };
const one: RedisState = {
  'command:a': waits,
  scheduled: { zset: [['a', 'now-1000']] },
  counts: { PENDING: '1' },
  queues: { set: ['default'] },
};
const promoted: RedisState = {
  'command:a': { ...waits, entry: 'new1' },
  'commands:default': { stream: [['new1', { id: 'a' }]] },
  counts: { PENDING: '1' },
  queues: { set: ['default'] },
};

test('gives a command whose time has come its entry', async () => {
  await bench.seed(one);
  expect(await run()).toEqual(promotedThen(1, 'never'));
  expect(await bench.state()).toEqual(promoted);
  expect(await bench.events()).toEqual([['a PENDING 0']]);
});

test('does nothing the second time', async () => {
  await bench.seed(one);
  await run();
  await bench.events();
  expect(await run()).toEqual(promotedThen(0, 'never'));
  expect(await bench.state()).toEqual(promoted);
  expect(await bench.events()).toEqual([]);
});

test.each<[string, RedisState]>([
  ['nothing is scheduled', {}],
  ['the time has not come', { ...one, scheduled: { zset: [['a', 'now+60000']] } }],
  [
    'its next try was put off after this call was sent',
    {
      ...one,
      'command:a': { ...waits, attempt: '1', failures: '1', runAt: 'now+60000' },
      scheduled: { zset: [['a', 'now+60000']] },
    },
  ],
  ['`scheduled` is of a foreign kind', { ...one, scheduled: 'x' }],
])('changes nothing when %s', async (_, state) => {
  await bench.seed(state);
  expect(await run()).toMatchObject({ count: 0 });
  expect(await bench.state()).toEqual(state);
});

test.each<[string, RedisState]>([
  ['does not exist', {}],
  ['is no hash', { 'command:a': 'x' }],
  ['has no queue', { 'command:a': { status: 'PENDING' } }],
  ['has an entry already', { 'command:a': pending }],
  ['is RUNNING', { 'command:a': running }],
  ['is COMPLETED', { 'command:a': { ...waits, status: 'COMPLETED' } }],
  ['is FAILED', { 'command:a': { ...waits, status: 'FAILED' } }],
])('drops an id whose command %s', async (_, state) => {
  await bench.seed({
    ...state,
    scheduled: {
      zset: [
        ['a', 'now-1000'],
        ['b', 'now+60000'],
      ],
    },
  });
  expect(await run()).toEqual(promotedThen(0, 'later'));
  expect(await bench.state()).toEqual({ ...state, scheduled: { zset: [['b', 'now+60000']] } });
});

test('takes what is due first, at most so many, and says when there are more', async () => {
  await bench.seed({
    'command:a': waits,
    'command:b': waits,
    'command:c': { ...waits, queue: 'urgent' },
    scheduled: {
      zset: [
        ['b', 'now-3000'],
        ['c', 'now-2000'],
        ['a', 'now-1000'],
      ],
    },
  });
  expect(await run(2)).toEqual(promotedThen(2, 'now'));
  expect(await bench.state()).toMatchObject({
    'command:a': waits,
    'commands:default': { stream: [['new1', { id: 'b' }]] },
    'commands:urgent': { stream: [['new1', { id: 'c' }]] },
    scheduled: { zset: [['a', 'now-1000']] },
  });
  expect(await run(2)).toEqual(promotedThen(1, 'never'));
});

test('a command whose stream is of a foreign kind keeps its place, and is not in the way', async () => {
  await bench.seed({
    ...one,
    'command:b': { ...waits, queue: 'odd' },
    'commands:odd': 'x',
    scheduled: {
      zset: [
        ['b', 'now-2000'],
        ['a', 'now-1000'],
      ],
    },
  });
  expect(await run(1)).toEqual(promotedThen(0, 'now'));
  expect(await run(1)).toEqual(promotedThen(1, 'later'));
  expect(await run(1)).toEqual(promotedThen(0, 'later'));
  expect(await bench.state()).toMatchObject({
    ...promoted,
    'command:b': { status: 'PENDING', entry: '' },
    scheduled: { zset: [['b', expect.stringMatching(/^now\+/)]] },
  });
});

test('takes a batch of a thousand', async () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `c${i}`);
  await bench.seed({
    ...Object.fromEntries(ids.map((id) => [`command:${id}`, waits])),
    scheduled: { zset: ids.map((id, i) => [id, i] as const) },
  });
  expect(await run(1000)).toEqual(promotedThen(1000, 'never'));
  expect(await bench.redis.xlen(bench.keys.stream('default'))).toBe(1000);
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed(one);
  expect(await bench.whenFull(() => run())).toEqual(promotedThen(1, 'never'));
  expect(await bench.state()).toEqual(promoted);
});

test('says in how many ms the next one is due', async () => {
  const seeded = await bench.seed({ ...one, scheduled: { zset: [['a', 'now+60000']] } });
  const { nextInMs = 0 } = await run();
  const [seconds] = await bench.redis.time();
  expect(nextInMs).toBeLessThanOrEqual(60_000);
  expect(nextInMs).toBeGreaterThanOrEqual(seeded + 60_000 - (Number(seconds) + 1) * 1000);
});

test('puts a command on the queue that was paused: there it waits on', async () => {
  await bench.seed({ ...one, paused: { default: 'now-5000' } });
  expect(await run()).toEqual(promotedThen(1, 'never'));
  expect(await bench.state()).toEqual({ ...promoted, paused: { default: 'now-5000' } });
});
