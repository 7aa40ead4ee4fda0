import { type Redis } from 'ioredis';
import { type CommandView } from '../../shared/protocol/commands.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { bodyOf, givenId, TestAgents } from '../testing/test-agents.js';
import { type TestAnswer, TestApi } from '../testing/test-api.js';

const keys = partitionKeys();
let redis: TestRedis;
let client: Redis;
let server: Server;
let api: TestApi;
let agents: TestAgents;
/** The attempts that agent a was given. */
let held: string[];
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
  const options = { host: '127.0.0.1', port: 0, leaseMs: 15_000, graceMs: 1000, maxBacklog: 10_000, logger };
  server = new Server({ ...options, redisUrl: redis.url });
  await server.start();
  api = new TestApi(server.url);
  agents = new TestAgents(api);
});
beforeEach(async () => {
  held = [];
  await client.flushall();
});
afterAll(async () => {
  await server.stop();
  await redis.stop();
});

const post = (path: string) => api.send('POST', path);
const answered = ({ status, body }: TestAnswer) => [status, body] as const;
const problemOf = (answer: TestAnswer) => [answer.status, bodyOf(answer).code, bodyOf(answer).detail];

async function submitted(more: object = {}): Promise<string> {
  const answer = await api.post('/commands', { type: 'DELAY', payload: { ms: 1 }, ...more });
  return String(bodyOf(answer).commandId);
}
/** A command that agent a runs, its first attempt. */
async function running(more: object = {}): Promise<string> {
  const id = await submitted({ queue: 'q', ...more });
  const holding = held.join(',');
  const asked = { agentId: 'a', session: 's', concurrency: 1000, queues: 'q', holding };
  const given = givenId(await agents.next(asked));
  expect(given).toBe(id);
  held.push(`${id}:1`);
  return id;
}
const fail = (id: string, error: object = {}) =>
  agents.report(id, {
    agentId: 'a',
    session: 's',
    attempt: 1,
    status: 'FAILED',
    error: { message: 'no luck', ...error },
  });
async function failed(error: object = {}): Promise<string> {
  const id = await running();
  await fail(id, error);
  return id;
}
const show = async (id: string) => (await api.get(`/commands/${id}`)).body as CommandView;

describe('POST /commands/:id/cancel', () => {
  test('ends what waits at once: executed no', async () => {
    const id = await submitted();
    const cancelled = [200, { commandId: id, state: 'cancelled' }];
    expect(answered(await post(`/commands/${id}/cancel`))).toEqual(cancelled);
    const error = { code: 'CANCELLED', message: 'it was cancelled before it was started', executed: 'no' };
    expect(await show(id)).toMatchObject({ status: 'FAILED', attempt: 0, error });
    expect(answered(await post(`/commands/${id}/cancel`))).toEqual(cancelled);
  });

  test('asks what runs to stop: its agent learns of it when it renews, and its report ends it', async () => {
    const id = await running();
    const requested = [202, { commandId: id, state: 'requested' }];
    expect(answered(await post(`/commands/${id}/cancel`))).toEqual(requested);
    expect(answered(await post(`/commands/${id}/cancel`))).toEqual(requested);
    expect((await show(id)).cancelRequestedAt).not.toBeNull();
    const held = [{ commandId: id, attempt: 1 }];
    const renewed = await agents.renew({ agentId: 'a', session: 's', held });
    expect(answered(renewed)).toEqual([200, { lost: [], cancelled: held }]);
    await fail(id, { code: 'CANCELLED', executed: 'yes' });
    expect(await show(id)).toMatchObject({ status: 'FAILED', error: { code: 'CANCELLED', executed: 'yes' } });
    expect(answered(await post(`/commands/${id}/cancel`))).toEqual([
      200,
      { commandId: id, state: 'cancelled' },
    ]);
  });

  test.each(['COMPLETED', 'FAILED'])('is refused for what is %s', async (status) => {
    const id = await running();
    await (status === 'COMPLETED' ? agents.complete(id, 'a', { session: 's', attempt: 1 }) : fail(id));
    const detail = `it is ${status}: only a PENDING or RUNNING command can be cancelled`;
    expect(problemOf(await post(`/commands/${id}/cancel`))).toEqual([409, 'conflict', detail]);
  });
});

describe('POST /commands/:id/retry', () => {
  test('begins a new life, and keeps the old one in the history', async () => {
    const id = await failed();
    const answer = await post(`/commands/${id}/retry`);
    expect(answered(answer)).toEqual([200, { commandId: id, mayStillRun: false, note: null }]);
    expect(await show(id)).toMatchObject({
      status: 'PENDING',
      attempt: 1,
      failures: 0,
      error: null,
      finishedAt: null,
      history: [{ reason: 'retried', attempt: 1, status: 'FAILED', error: { code: 'EXECUTION_FAILED' } }],
    });
    const detail = 'it is PENDING: only a FAILED command can be retried';
    expect(problemOf(await post(`/commands/${id}/retry`))).toEqual([409, 'conflict', detail]);
  });

  test('that names its failure may be sent again, and begins one life', async () => {
    const id = await failed();
    const { finishedAt } = await show(id);
    const path = `/commands/${id}/retry?finishedAt=${finishedAt}`;
    expect((await post(path)).status).toBe(200);
    expect((await post(path)).status).toBe(200);
    await post(`/commands/${id}/cancel`);
    expect((await post(path)).status).toBe(200);
    expect(await show(id)).toMatchObject({ status: 'FAILED', error: { code: 'CANCELLED' } });
    const other = await failed();
    const wrong = await post(`/commands/${other}/retry?finishedAt=${finishedAt}`);
    expect(problemOf(wrong)).toEqual([
      409,
      'conflict',
      'it has failed again since: name the finishedAt of its last failure',
    ]);
  });

  test('of a lost attempt says that its agent may still be at work', async () => {
    const id = await running();
    const key = keys.command(id);
    // Recovery leaves a lost attempt in this state.
    await client.hset(key, { status: 'FAILED', executed: 'unknown', finishedAt: '5', losses: '1' });
    await client.hset(key, 'error', '{"code":"AGENT_LOST","message":"a vanished during attempt 1"}');
    const answer = await post(`/commands/${id}/retry`);
    expect(answered(answer)).toEqual([
      200,
      { commandId: id, mayStillRun: true, note: expect.stringContaining('how attempt 1 ended') as string },
    ]);
    expect(await show(id)).toMatchObject({ status: 'PENDING', losses: 0 });
  });
});

describe.each(['cancel', 'retry'])('POST /commands/:id/%s', (action) => {
  test.each(['00000000-0000-7000-8000-000000000000', 'no-id'])('knows no %s', async (id) => {
    expect((await post(`/commands/${id}/${action}`)).status).toBe(404);
  });

  test('says which key is broken', async () => {
    const id = '00000000-0000-7000-8000-000000000001';
    await client.set(keys.command(id), 'x');
    expect(problemOf(await post(`/commands/${id}/${action}`))).toEqual([
      500,
      'redis_key_broken',
      expect.any(String),
    ]);
  });

  test('is not for pages of other sites', async () => {
    const id = await submitted();
    for (const path of [`/commands/${id}/${action}`, `/commands/${action}?status=PENDING`]) {
      const answer = await api.send('POST', path, { headers: { 'sec-fetch-site': 'cross-site' } });
      expect(answer.status).toBe(403);
    }
    expect((await show(id)).status).toBe('PENDING');
  });
});

describe.each([
  ['cancel', 'PENDING', 'PENDING, RUNNING'],
  ['retry', 'FAILED', 'FAILED'],
])('POST /commands/%s', (action, status, statuses) => {
  test.each([
    ['', 'status is required'],
    ['?status=COMPLETED', `status must be one of ${statuses}`],
    [`?status=${status}&tpye=DELAY`, 'tpye is not known, did you mean type?'],
    [`?status=${status}&limit=0`, 'limit must be a whole number from 1 to 200'],
    [`?status=${status}&limit=201`, 'limit must be a whole number from 1 to 200'],
    [`?status=${status}&cursor=x`, 'cursor must be the nextCursor of the call before, with the same status'],
    [`?status=${status}&queue=a/b`, /^queue/],
    [`?status=${status}&status=${status}`, /^status/],
  ])('%s is refused, and nothing is done', async (query, detail) => {
    const id = await submitted();
    const answer = await post(`/commands/${action}${query}`);
    const said: unknown = typeof detail === 'string' ? detail : expect.stringMatching(detail);
    expect(problemOf(answer)).toEqual([400, 'invalid_request', said]);
    expect((await show(id)).status).toBe('PENDING');
  });

  test('knows no other method', async () => {
    expect((await api.get(`/commands/${action}`)).status).toBe(405);
  });
});

describe('POST /commands/cancel', () => {
  const statusesOf = async (ids: readonly string[]) =>
    (await Promise.all(ids.map(show))).map(({ status }) => status);

  test('cancels what waits and passes the filter, step by step', async () => {
    const others = [await submitted({ queue: 'other' }), await running()];
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push(await submitted({ queue: 'mine' }));
    const counts: unknown[] = [];
    let cursor = '';
    do {
      const answer = await post(`/commands/cancel?status=PENDING&queue=mine&limit=2${cursor}`);
      const { nextCursor, ...rest } = bodyOf(answer);
      counts.push(rest);
      cursor = nextCursor === null ? '' : `&cursor=${JSON.stringify(nextCursor).slice(1, -1)}`;
    } while (cursor !== '');
    const [two, one] = [2, 1].map((cancelled) => ({ cancelled, requested: 0, skipped: 0 }));
    expect(counts).toEqual([two, two, one]);
    expect(new Set(await statusesOf(ids))).toEqual(new Set(['FAILED']));
    expect(await statusesOf(others)).toEqual(['PENDING', 'RUNNING']);
  });

  test('asks what runs to stop', async () => {
    const ids = [await running(), await running()];
    const waits = await submitted();
    const answer = await post('/commands/cancel?status=RUNNING');
    expect(bodyOf(answer)).toEqual({ cancelled: 0, requested: 2, skipped: 0, nextCursor: null });
    const asked = await Promise.all(ids.map(async (id) => (await show(id)).cancelRequestedAt !== null));
    expect(asked).toEqual([true, true]);
    expect((await show(waits)).status).toBe('PENDING');
  });

  test('does nothing where nothing passes', async () => {
    const answer = await post('/commands/cancel?status=PENDING&type=HTTP_GET_JSON');
    expect(answered(answer)).toEqual([200, { cancelled: 0, requested: 0, skipped: 0, nextCursor: null }]);
  });
});

describe('POST /commands/retry', () => {
  test('retries what failed with that code, and says how many of those may still run', async () => {
    const wanted = [await failed({ code: 'TIMEOUT' }), await failed({ code: 'TIMEOUT' })];
    const unheard = await running();
    await client.hset(keys.command(unheard), {
      ...{ status: 'FAILED', executed: 'unknown', finishedAt: '5' },
      error: '{"code":"TIMEOUT","message":"it hangs"}',
    });
    await client.zadd(keys.failedIndex, 1, unheard);
    const other = await failed();
    const answer = await post('/commands/retry?status=FAILED&code=TIMEOUT');
    expect(bodyOf(answer)).toEqual({ retried: 3, mayStillRun: 1, skipped: 0, nextCursor: null });
    const statuses = (await Promise.all([...wanted, unheard, other].map(show))).map(({ status }) => status);
    expect(statuses).toEqual(['PENDING', 'PENDING', 'PENDING', 'FAILED']);
    const again = await post('/commands/retry?status=FAILED&code=TIMEOUT');
    expect(bodyOf(again)).toMatchObject({ retried: 0, nextCursor: null });
  });

  test('can be limited to what was never executed', async () => {
    const no = await failed({ code: 'INVALID_PAYLOAD', executed: 'no' });
    const yes = await failed();
    expect(bodyOf(await post('/commands/retry?status=FAILED&executed=no'))).toMatchObject({ retried: 1 });
    expect([(await show(no)).status, (await show(yes)).status]).toEqual(['PENDING', 'FAILED']);
  });

  test.each([
    ['code=NONE', /^code must be one of EXECUTION_FAILED/],
    ['executed=maybe', 'executed must be one of no, unknown, yes'],
  ])('%s is refused', async (filter, detail) => {
    const answer = await post(`/commands/retry?status=FAILED&${filter}`);
    const said: unknown = typeof detail === 'string' ? detail : expect.stringMatching(detail);
    expect(problemOf(answer)).toEqual([400, 'invalid_request', said]);
  });

  test('is new work, which a full Redis refuses; a cancel is none', async () => {
    const [id, waits] = [await failed(), await submitted()];
    await client.config('SET', 'maxmemory', '1');
    try {
      for (const path of [`/commands/${id}/retry`, '/commands/retry?status=FAILED']) {
        expect(problemOf(await post(path))).toEqual([503, 'redis_full', expect.any(String)]);
      }
      expect((await post(`/commands/${waits}/cancel`)).status).toBe(200);
    } finally {
      await client.config('SET', 'maxmemory', '0');
    }
    expect((await show(id)).status).toBe('FAILED');
  });
});
