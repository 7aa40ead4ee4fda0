import { type Redis } from 'ioredis';
import RedisMock from 'ioredis-mock';
import { commandViewSchema } from '../protocol/commands.js';
import { BrokenCommand, CommandReader } from './command-reader.js';
import { partitionKeys } from './keys.js';

// Hashes and lists are what the mock does honestly.
const keys = partitionKeys();
const id = '01a2017b-11a3-743e-9db2-434e15005157';
const redis: Redis = new RedisMock();
const reader = new CommandReader(redis, keys);
beforeEach(() => redis.flushall());
afterAll(() => redis.disconnect());

const pending = {
  type: 'DELAY',
  payload: '{"ms":5}',
  status: 'PENDING',
  queue: 'default',
  createdAt: '1700000000000',
  entry: '1-1',
};
const put = (fields: Record<string, string>) => redis.hset(keys.command(id), fields);

test('what has no value yet is null, and defaults are filled in', async () => {
  await put(pending);
  const view = await reader.read(id);
  expect(view).toEqual({
    commandId: id,
    status: 'PENDING',
    type: 'DELAY',
    payload: { ms: 5 },
    queue: 'default',
    result: null,
    error: null,
    progress: null,
    agentId: null,
    attempt: 0,
    losses: 0,
    failures: 0,
    onAgentLost: 'fail',
    maxLosses: 3,
    maxAttempts: 1,
    timeoutMs: null,
    createdAt: '2023-11-14T22:13:20.000Z',
    startedAt: null,
    finishedAt: null,
    runAt: null,
    expiresAt: null,
    waitingFor: null,
    cancelRequestedAt: null,
    history: [],
  });
  expect(commandViewSchema.parse(view)).toEqual(view);
});

describe('how far an attempt says that it is', () => {
  const running = { ...pending, status: 'RUNNING', attempt: '2', agentId: 'a', startedAt: '1700000000001' };
  const progressOf = async (fields: Record<string, string>) => {
    await put(fields);
    const [summary] = await reader.summaries([id]);
    const view = await reader.read(id);
    expect(summary?.progress).toEqual(view?.progress);
    expect(view).not.toHaveProperty('progressOf');
    return view?.progress;
  };

  test.each([
    ['0.5', 0.5],
    ['{"done":3}', { done: 3 }],
  ])('is shown while it runs, and after it has ended: %s', async (progress, shown) => {
    expect(await progressOf({ ...running, progress, progressOf: '2:9' })).toEqual(shown);
    expect(await progressOf({ status: 'COMPLETED', finishedAt: '1700000000002' })).toEqual(shown);
  });

  test.each([
    ['was said by a former attempt', { ...running, progress: '0.5', progressOf: '1:9' }],
    [
      'is of an attempt that another one is to follow',
      { ...running, status: 'PENDING', progress: '0.5', progressOf: '2:9' },
    ],
    ['was corrupted by another program', { ...running, progress: '{', progressOf: '2:9' }],
    ['is of no attempt', { ...running, progress: '0.5' }],
  ])('is null where it %s', async (_, fields) => {
    expect(await progressOf(fields)).toBeNull();
  });
});

test('shows an outcome, with what is known of its execution', async () => {
  const error = '{"code":"AGENT_LOST","message":"gone"}';
  await put({
    ...pending,
    status: 'FAILED',
    error,
    executed: 'unknown',
    attempt: '2',
    result: '{"status":0}',
  });
  expect(await reader.read(id)).toMatchObject({
    error: { code: 'AGENT_LOST', message: 'gone', executed: 'unknown' },
    result: { status: 0 },
    attempt: 2,
  });
});

test('a failure before anything began says so', async () => {
  await put({ ...pending, status: 'FAILED', error: '{"code":"EXPIRED","message":"late"}' });
  expect(await reader.read(id)).toMatchObject({ error: { executed: 'no' } });
});

test('shows the history, newest first, without what cannot be read', async () => {
  await put(pending);
  const item = {
    why: 'failed',
    at: 1_700_000_000_000,
    attempt: 1,
    agentId: 'a',
    session: 's.1',
    status: 'FAILED',
  };
  await redis.rpush(
    keys.history(id),
    JSON.stringify({
      ...item,
      attempt: 2,
      result: '"(9999 bytes, not kept)"',
      error: '{"code":"TIMEOUT","message":"m"}',
    }),
    'not JSON',
    JSON.stringify({ ...item, result: null, error: '"(9999 bytes, not kept)"' }),
  );
  expect((await reader.read(id))?.history).toEqual([
    expect.objectContaining({
      attempt: 2,
      result: '(9999 bytes, not kept)',
      error: { code: 'TIMEOUT', message: 'm' },
    }),
    expect.objectContaining({
      attempt: 1,
      recordedAt: '2023-11-14T22:13:20.000Z',
      result: null,
      error: { code: 'EXECUTION_FAILED', message: '(9999 bytes, not kept)' },
    }),
  ]);
});

test('there is no command without a hash, or with one that has no status', async () => {
  expect(await reader.read(id)).toBeUndefined();
  await put({ agentId: 'a' });
  expect(await reader.read(id)).toBeUndefined();
});

test.each([
  ['a status that is none', { status: 'DONE' }],
  ['a payload that is no JSON', { payload: '{' }],
  ['a time that is none', { createdAt: 'yesterday' }],
  ['a time beyond all', { createdAt: '9e99' }],
])('%s is a broken command, which names its key', async (_what, fields) => {
  await put({ ...pending, ...fields });
  await expect(reader.read(id)).rejects.toThrow(BrokenCommand);
  await expect(reader.read(id)).rejects.toThrow(keys.command(id));
});

test('summaries leave out what may be large, and what cannot be read', async () => {
  const other = id.replace('01', '02');
  await put({ ...pending, result: 'x'.repeat(100) });
  await redis.hset(keys.command(other), { ...pending, status: 'DONE' });
  const [first, ...rest] = await reader.summaries([id, other, 'missing', '']);
  expect(first).toMatchObject({ commandId: id, status: 'PENDING' });
  expect(Object.keys(first ?? {})).not.toEqual(expect.arrayContaining(['payload']));
  expect(rest).toEqual([undefined, undefined, undefined]);
  expect(await reader.summaries([])).toEqual([]);
});
