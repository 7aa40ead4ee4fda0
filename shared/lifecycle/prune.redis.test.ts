import { completed, failed, pending, reportOf, running } from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { crowdedMs, longestSubmissionMs, prune, type PruneOptions } from './retention.js';
import { report, submit } from './transitions.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const hourMs = 3600 * 1000;
const run = (options: Partial<PruneOptions> = {}) =>
  prune(bench.redis, bench.keys, { retentionMs: hourMs, retentionMax: 1000, rank: 0, most: 100, ...options });

/** A score in the index of something submitted so long ago. */
const longAgo = 1000;
const done = {
  ...running,
  status: 'COMPLETED',
  finishedAt: `now-${hourMs + 5000}`,
  result: '{"ok":true}',
} as const;
const broke = { ...done, status: 'FAILED', error: { code: 'EXECUTION_FAILED', message: 'no luck' } } as const;
const late = { why: 'late', attempt: 1 } as const;

/** `a` completed and `b` failed, both longer ago than an hour; `c` only half an hour ago. */
const three = {
  'command:a': done,
  'command:b': broke,
  'command:c': { ...done, finishedAt: `now-${hourMs / 2}` },
  'history:a': { list: [late] },
  'history:c': { list: [late] },
  counts: { PENDING: '0', RUNNING: '0', COMPLETED: '2', FAILED: '1' },
  index: {
    zset: [
      ['a', longAgo],
      ['b', longAgo + 1],
      ['c', longAgo + 2],
    ],
  },
  'index:failed': { zset: [['b', longAgo + 1]] },
} as const satisfies RedisState;
const onlyC = {
  'command:c': three['command:c'],
  'history:c': three['history:c'],
  counts: { PENDING: '0', RUNNING: '0', COMPLETED: '1', FAILED: '0' },
  index: { zset: [['c', String(longAgo + 2)]] },
} as const;

test('deletes what ended long enough ago with all that is theirs, and nothing else', async () => {
  await bench.seed(three);
  expect(await run()).toEqual({ count: 2, next: 0 });
  const { retention, ...state } = await bench.state();
  expect(state).toEqual(onlyC);
  expect(retention).toMatchObject({ pruned: '2', prunedAt: 'now' });
  // Clients that waited for it need no event: they have known its end for an hour.
  expect(await bench.events()).toEqual([]);
});

test('says how late it came, and counts on', async () => {
  await bench.seed(three);
  await run();
  await bench.redis.hset(bench.keys.command('c'), 'finishedAt', 1);
  await run();
  const { pruned, behindMs } = await bench.redis.hgetall(bench.keys.retention);
  expect(pruned).toBe('3');
  expect(Number(behindMs)).toBeGreaterThan(1_700_000_000_000 - hourMs);
});

test('does nothing the second time, or when it comes late', async () => {
  await bench.seed(three);
  await run();
  const after = await bench.state();
  expect(await run()).toEqual({ count: 0, next: 0 });
  // From the place at which another call had been.
  expect(await run({ rank: 2 })).toEqual({ count: 0, next: 0 });
  expect(await bench.state()).toEqual(after);
});

describe('leaves alone', () => {
  const alone = (command: RedisState[string], more: RedisState = {}) => ({
    'command:a': command,
    counts: { COMPLETED: '1' },
    index: { zset: [['a', String(longAgo)] as const] },
    ...more,
  });
  const ago = (ms: number) => `now-${ms}` as const;

  test.each<[string, RedisState[string], RedisState?]>([
    ['what waits, however long', { ...pending, createdAt: '1' }],
    ['what is tried again after it failed', { ...pending, createdAt: '1', failures: '1', executed: 'yes' }],
    [
      'what runs, however long',
      { ...running, createdAt: '1', startedAt: '2' },
      { 'exec:a': '1:agent-1:i1.1' },
    ],
    ['what was submitted long ago, and ended only now', { ...done, createdAt: '1', finishedAt: ago(1000) }],
    ['what will end in the future, by a clock that was set back', { ...done, finishedAt: 'now+5000' }],
    ['what has no time of its end', { ...pending, status: 'COMPLETED' }],
    ['what has something else there', { ...done, finishedAt: 'yesterday' }],
    ['what has more digits there than a number', { ...done, finishedAt: '1'.repeat(400) }],
    ['what names no queue', { status: 'COMPLETED', finishedAt: '1' }],
    ['what has a status that is none', { ...done, status: 'DONE' }],
    ['a key of another kind', 'x'],
  ])('%s', async (_, command, more = {}) => {
    const state = alone(command, more);
    await bench.seed(state);
    expect(await run()).toEqual({ count: 0, next: 0 });
    expect(await bench.state()).toEqual(state);
  });
});

test('a command that an operator retried meanwhile is not deleted by a call that comes late', async () => {
  await bench.seed(three);
  await bench.redis.hset(bench.keys.command('b'), 'status', 'PENDING');
  expect(await run()).toEqual({ count: 1, next: 0 });
  expect(await bench.redis.hget(bench.keys.command('b'), 'status')).toBe('PENDING');
  expect(await bench.redis.zscore(bench.keys.index, 'b')).not.toBeNull();
});

describe('an id in the index without a command', () => {
  const orphan = {
    index: { zset: [['a', longAgo]] },
    'index:failed': { zset: [['a', longAgo]] },
    'history:a': { list: ['x'] },
  } as const satisfies RedisState;

  test('goes, and counts for nothing', async () => {
    await bench.seed({ ...orphan, counts: { COMPLETED: '1' } });
    expect(await run()).toEqual({ count: 0, next: 0 });
    expect(await bench.state()).toEqual({ counts: { COMPLETED: '1' } });
  });

  test('stays while it is younger than the retention', async () => {
    await bench.seed({ ...orphan });
    await bench.redis.zadd(bench.keys.index, Date.now() * 1000, 'a');
    expect(await run()).toEqual({ count: 0, next: 0 });
    expect(await bench.redis.zcard(bench.keys.index)).toBe(1);
  });
});

describe('however short the retention', () => {
  test.each([
    [longestSubmissionMs - 3000, 0],
    [longestSubmissionMs + 1000, 1],
  ])(
    'what ended %i ms ago is kept for as long as a submission of it may be on its way',
    async (ms, count) => {
      await bench.seed({
        ...three,
        'command:a': { ...done, finishedAt: `now-${ms}` },
        index: { zset: [['a', 1]] },
      });
      expect(await run({ retentionMs: 0, retentionMax: 0 })).toMatchObject({ count });
    },
  );

  test('a submission that arrives after its command was pruned comes too late', async () => {
    const sentAt = await bench.seed({});
    const again = [{ id: 'a', digest: 'd', type: 'DELAY', payload: '{}', queue: 'default' }];
    const allowed = { notAfter: sentAt + longestSubmissionMs, maxBacklog: 10 };
    await submit(bench.redis, bench.keys, again, allowed);
    // Moves all of it into the past by the least time after which it may be pruned.
    const endedAt = sentAt - longestSubmissionMs;
    await bench.redis.hset(bench.keys.command('a'), 'status', 'COMPLETED', 'finishedAt', endedAt);
    await bench.redis.zadd(bench.keys.index, endedAt * 1000, 'a');
    expect(await run({ retentionMs: 0 })).toMatchObject({ count: 1 });
    const parked = { ...allowed, notAfter: endedAt + longestSubmissionMs - 1 };
    const { replies } = await submit(bench.redis, bench.keys, again, parked);
    expect(replies).toEqual([{ word: 'expired' }]);
    expect(await bench.redis.exists(bench.keys.command('a'))).toBe(0);
  });
});

describe('with more than RETENTION_MAX', () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];
  const ago = (ms: number) => ({ ...done, finishedAt: `now-${ms}` });
  const five = {
    ...Object.fromEntries(ids.map((id) => [`command:${id}`, ago(2 * crowdedMs)])),
    'command:c': { ...broke, finishedAt: `now-${2 * crowdedMs}` },
    counts: { COMPLETED: '4', FAILED: '1' },
    index: { zset: ids.map((id, i) => [id, longAgo + i] as const) },
    'index:failed': { zset: [['c', longAgo + 2]] },
  } as const satisfies RedisState;
  const left = () => bench.redis.zrange(bench.keys.index, '0', '-1');

  test('the oldest go, and no more than are too many', async () => {
    await bench.seed(five);
    expect(await run({ retentionMax: 2 })).toMatchObject({ count: 3 });
    expect(await left()).toEqual(['d', 'e']);
    expect(await bench.redis.hgetall(bench.keys.counts)).toEqual({ COMPLETED: '2', FAILED: '0' });
    expect(await run({ retentionMax: 2 })).toMatchObject({ count: 0 });
  });

  test('what ended within the last minute stays, and what is behind it goes', async () => {
    await bench.seed({ ...five, 'command:a': ago(crowdedMs / 2), 'command:d': pending });
    expect(await run({ retentionMax: 0 })).toMatchObject({ count: 3 });
    expect(await left()).toEqual(['a', 'd']);
  });

  test('what is over anyway is counted among those that go', async () => {
    await bench.seed({ ...five, 'command:a': done, 'command:b': done });
    expect(await run({ retentionMax: 3 })).toMatchObject({ count: 2 });
    expect(await left()).toEqual(['c', 'd', 'e']);
  });
});

describe('among many', () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `c${String(i).padStart(4, '0')}`);
  /** Every third has ended. */
  const many = {
    ...Object.fromEntries(ids.map((id, i) => [`command:${id}`, i % 3 === 0 ? done : pending])),
    counts: { PENDING: '666', COMPLETED: '334' },
    index: { zset: ids.map((id, i) => [id, longAgo + i] as const) },
  };

  test('a call looks at so many, and the next one goes on behind what it left', async () => {
    await bench.seed(many);
    let next = 0;
    const counts: number[] = [];
    do {
      const reply = await run({ rank: next, most: 300 });
      counts.push(reply.count);
      next = reply.next;
    } while (next !== 0);
    expect(counts).toEqual([100, 100, 100, 34]);
    expect(await bench.redis.hgetall(bench.keys.counts)).toEqual({ PENDING: '666', COMPLETED: '0' });
    expect(await bench.redis.zcard(bench.keys.index)).toBe(666);
  });

  test('none is looked at that was submitted within the retention', async () => {
    await bench.seed({ ...many, index: { zset: [['c0000', longAgo]] } });
    const now = Date.now() * 1000;
    await bench.redis.zadd(bench.keys.index, ...ids.slice(1).flatMap((id) => [now, id]));
    expect(await run({ most: 300 })).toEqual({ count: 1, next: 0 });
  });

  test('takes a batch of a thousand', async () => {
    await bench.seed({
      ...many,
      ...Object.fromEntries(ids.map((id) => [`command:${id}`, broke])),
      counts: { FAILED: '1000' },
    });
    expect(await run({ most: 1000, retentionMax: 10 })).toEqual({ count: 1000, next: 0 });
    expect(await bench.redis.keys('*')).toEqual(
      expect.arrayContaining([bench.keys.counts, bench.keys.retention]),
    );
    expect(await bench.redis.dbsize()).toBe(2);
  });
});

test.each(['index:failed', 'retention', 'counts'])('works beside a %s of a foreign kind', async (key) => {
  await bench.seed({ ...three, [key]: 'x' });
  expect(await run()).toEqual({ count: 2, next: 0 });
  expect(await bench.state()).toMatchObject({ ...onlyC, [key]: 'x' });
});

test.each(['history:a', 'exec:a'])('deletes %s also when it is of a foreign kind', async (key) => {
  await bench.seed({ ...three, [key]: { set: ['x'] } });
  expect(await run()).toEqual({ count: 2, next: 0 });
  expect(await bench.state()).toEqual({ ...onlyC, retention: expect.anything() as unknown });
});

test('does nothing when the index is of a foreign kind', async () => {
  const state = { ...three, index: 'x' };
  await bench.seed(state);
  expect(await run()).toEqual({ count: 0, next: 0 });
  expect(await bench.redis.exists(bench.keys.command('a'))).toBe(1);
});

test('a report that arrives after it is answered `gone`, and leaves nothing behind', async () => {
  await bench.seed(three);
  await run();
  const before = await bench.state();
  const reports = [reportOf(completed), reportOf(failed, { id: 'b' })];
  expect(await report(bench.redis, bench.keys, reports)).toEqual(['gone', 'gone']);
  expect(await bench.state()).toEqual(before);
});

test('a submission with the same key makes a new command', async () => {
  await bench.seed(three);
  await run();
  const again = [{ id: 'a', digest: 'd', type: 'DELAY', payload: '{}', queue: 'default' }];
  const options = { notAfter: Number.MAX_SAFE_INTEGER, maxBacklog: 10 };
  expect((await submit(bench.redis, bench.keys, again, options)).replies).toEqual([{ word: 'accepted' }]);
  expect(await bench.redis.hget(bench.keys.command('a'), 'attempt')).toBeNull();
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed(three);
  expect(await bench.whenFull(() => run())).toEqual({ count: 2, next: 0 });
  expect(await bench.state()).toEqual({ ...onlyC, retention: expect.anything() as unknown });
});
