import { newCommand } from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { type NewCommand, submit, type SubmitOptions } from './transitions.js';

// New commands, and the same ones again. What is refused: submit-refuse.redis.test.ts.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const never = Number.MAX_SAFE_INTEGER;
async function send(commands: readonly NewCommand[], options: Partial<SubmitOptions> = {}) {
  const reply = await submit(bench.redis, bench.keys, commands, {
    notAfter: never,
    maxBacklog: 1000,
    ...options,
  });
  return { now: reply.now, words: reply.replies.map(({ word }) => word) };
}

const pending = {
  status: 'PENDING',
  type: 'DELAY',
  payload: '{"ms":1}',
  queue: 'default',
  createdAt: 'now',
  entry: 'new1',
} as const;
const submitted: RedisState = {
  'command:a': pending,
  'commands:default': { stream: [['new1', { id: 'a' }]] },
  counts: { PENDING: '1' },
  index: { zset: [['a', 'now']] },
  'queue-commands': { default: '1' },
  queues: { set: ['default'] },
};

test('stores a command and puts it on its queue', async () => {
  const since = await bench.seed({});
  const { now, words } = await send([newCommand('a')]);
  expect(words).toEqual(['accepted']);
  expect(now).toBeGreaterThanOrEqual(since);
  expect(await bench.state(now)).toEqual(submitted);
  expect(await bench.events()).toEqual([['a PENDING 0']]);
});

test('stores what the command was given, and nothing that is a default', async () => {
  await bench.seed({});
  const given = { digest: 'd1', timeoutMs: 250, onAgentLost: 'retry', maxLosses: 5, maxAttempts: 2 } as const;
  await send([newCommand('a', given), newCommand('b', { onAgentLost: 'fail' })]);
  expect(await bench.state()).toMatchObject({
    'command:a': {
      ...pending,
      digest: 'd1',
      timeoutMs: '250',
      onAgentLost: 'retry',
      maxLosses: '5',
      maxAttempts: '2',
    },
  });
  expect(Object.keys(await bench.redis.hgetall(bench.keys.command('b'))).sort()).toEqual(
    Object.keys(pending).sort(),
  );
});

test('keeps a payload byte by byte', async () => {
  await bench.seed({});
  const payload = '{"n": 1.0, "text": "☃\\u0000 \\ud800"}';
  await send([newCommand('a', { payload })]);
  expect(await bench.redis.hget(bench.keys.command('a'), 'payload')).toBe(payload);
});

test.each<[string, NonNullable<NewCommand['start']>, string]>([
  ['a pause', { inMs: 60_000 }, 'now+60000'],
  ['a long pause', { inMs: 365 * 86_400_000 }, `now+${365 * 86_400_000}`],
])('%s makes it wait in `scheduled`, without an entry', async (_, start, runAt) => {
  await bench.seed({});
  const { now, words } = await send([newCommand('a', { start })]);
  expect(words).toEqual(['accepted']);
  expect(await bench.state(now)).toEqual({
    'command:a': { ...pending, entry: '', runAt },
    scheduled: { zset: [['a', runAt]] },
    counts: { PENDING: '1' },
    index: { zset: [['a', 'now']] },
    'queue-commands': { default: '1' },
    queues: { set: ['default'] },
  });
  expect(await bench.events()).toEqual([['a PENDING 0']]);
});

test('an instant in the future makes it wait until then', async () => {
  const since = await bench.seed({});
  await send([newCommand('a', { start: { at: since + 60_000 } })]);
  expect(await bench.redis.zscore(bench.keys.scheduled, 'a')).toBe(String(since + 60_000));
  expect(await bench.redis.hget(bench.keys.command('a'), 'runAt')).toBe(String(since + 60_000));
});

test.each<[string, NonNullable<NewCommand['start']>]>([
  ['an instant in the past', { at: 1 }],
  ['no pause', { inMs: 0 }],
])('%s is at once', async (_, start) => {
  await bench.seed({});
  await send([newCommand('a', { start })]);
  expect(await bench.state()).toEqual(submitted);
});

test('a ttlMs makes it expire', async () => {
  await bench.seed({});
  const { now } = await send([newCommand('a', { ttlMs: 60_000 })]);
  expect(await bench.state(now)).toEqual({
    ...submitted,
    'command:a': { ...pending, expiresAt: 'now+60000' },
    expiring: { zset: [['a', 'now+60000']] },
  });
});

describe('the same call sent twice', () => {
  test.each<[string, Partial<NewCommand>]>([
    ['without a key', {}],
    ['with an Idempotency-Key', { digest: 'd1' }],
    ['for later', { start: { inMs: 60_000 }, ttlMs: 90_000 }],
  ])('%s: creates nothing the second time', async (_, more) => {
    await bench.seed({});
    await send([newCommand('a', more)]);
    await bench.events();
    const once = await bench.redis.hgetall(bench.keys.command('a'));
    const counts = await bench.redis.hgetall(bench.keys.counts);
    expect(await send([newCommand('a', more)])).toMatchObject({ words: ['same'] });
    expect(await bench.redis.hgetall(bench.keys.command('a'))).toEqual(once);
    expect(await bench.redis.hgetall(bench.keys.counts)).toEqual(counts);
    expect(await bench.redis.xlen(bench.keys.stream('default'))).toBe(more.start ? 0 : 1);
    expect(await bench.events()).toEqual([]);
  });

  test.each(['RUNNING', 'COMPLETED', 'FAILED'])(
    'after the command became %s: changes nothing',
    async (status) => {
      const state = { 'command:a': { ...pending, createdAt: 'now-9000', status, entry: '1-1' } };
      await bench.seed(state);
      expect(await send([newCommand('a')])).toMatchObject({ words: ['same'] });
      expect(await bench.state()).toEqual(state);
    },
  );
});

test.each([
  ['another digest', 'd1', 'd2'],
  ['a digest where it had none', '', 'd2'],
  ['no digest where it had one', 'd1', ''],
])('the same id with %s is a conflict', async (_, first, second) => {
  await bench.seed({});
  await send([newCommand('a', { digest: first })]);
  const once = await bench.state();
  expect(await send([newCommand('a', { digest: second })])).toMatchObject({ words: ['conflict'] });
  expect(await bench.state()).toEqual(once);
});

describe('a batch', () => {
  test('keeps its order in the queue and in the index, and announces all in one message', async () => {
    await bench.seed({});
    const { words } = await send([newCommand('c'), newCommand('a'), newCommand('b', { queue: 'urgent' })]);
    expect(words).toEqual(['accepted', 'accepted', 'accepted']);
    expect(await bench.state()).toMatchObject({
      'commands:default': {
        stream: [
          ['new1', { id: 'c' }],
          ['new2', { id: 'a' }],
        ],
      },
      'commands:urgent': { stream: [['new1', { id: 'b' }]] },
      counts: { PENDING: '3' },
      index: {
        zset: [
          ['c', 'now'],
          ['a', 'now'],
          ['b', 'now'],
        ],
      },
      queues: { set: ['default', 'urgent'] },
    });
    expect(await bench.events()).toEqual([['c PENDING 0', 'a PENDING 0', 'b PENDING 0']]);
  });

  test('answers an id that comes twice as two calls would', async () => {
    await bench.seed({});
    const twice = [
      newCommand('a', { digest: 'd1' }),
      newCommand('a', { digest: 'd1' }),
      newCommand('a', { digest: 'd2' }),
    ];
    expect(await send(twice)).toMatchObject({ words: ['accepted', 'same', 'conflict'] });
    expect(await bench.state()).toMatchObject({
      counts: { PENDING: '1' },
      'commands:default': { stream: [['new1', { id: 'a' }]] },
    });
  });

  test('where some are known already creates the others', async () => {
    await bench.seed({
      'command:b': { ...pending, createdAt: 'now-9000', digest: 'd1' },
      counts: { PENDING: '1' },
    });
    const { words } = await send([
      newCommand('a'),
      newCommand('b', { digest: 'd1' }),
      newCommand('b'),
      newCommand('c'),
    ]);
    expect(words).toEqual(['accepted', 'same', 'conflict', 'accepted']);
    expect(await bench.state()).toMatchObject({ counts: { PENDING: '3' } });
    expect(await bench.events()).toEqual([['a PENDING 0', 'c PENDING 0']]);
  });

  test('may have a thousand', async () => {
    await bench.seed({});
    const ids = Array.from({ length: 1000 }, (_, i) => `c${i}`);
    const { words } = await send(ids.map((id) => newCommand(id)));
    expect(new Set(words)).toEqual(new Set(['accepted']));
    expect(await bench.redis.zrange(bench.keys.index, '0', '-1')).toEqual(ids);
    expect(await bench.redis.hgetall(bench.keys.counts)).toEqual({ PENDING: '1000' });
  });
});
