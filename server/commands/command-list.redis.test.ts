import { type Redis } from 'ioredis';
import { type CommandListPage, commandListSchema } from '../../shared/protocol/api.js';
import { report, start, submit } from '../../shared/lifecycle/transitions.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { TestApi } from '../testing/test-api.js';

const keys = partitionKeys();
let redis: TestRedis;
let client: Redis;
let server: Server;
let api: TestApi;
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
  const options = { host: '127.0.0.1', port: 0, leaseMs: 15_000, graceMs: 1000, maxBacklog: 10_000, logger };
  server = new Server({ ...options, redisUrl: redis.url });
  await server.start();
  api = new TestApi(server.url);
});
beforeEach(() => client.flushall());
afterAll(async () => {
  await server.stop();
  await redis.stop();
});

/** Ids that sort as they were made, backwards: creation decides, not the id. */
const idAt = (n: number) => `${(0xffffff - n).toString(16).padStart(8, '0')}-0000-7000-8000-000000000000`;
const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);

async function make(numbers: readonly number[], more: object = {}): Promise<void> {
  const commands = numbers.map((n) => ({
    id: idAt(n),
    digest: '',
    type: 'DELAY',
    payload: '{"ms":1}',
    queue: 'default',
    ...more,
  }));
  const { replies } = await submit(client, keys, commands, {
    notAfter: Date.now() + 60_000,
    maxBacklog: 1e6,
  });
  expect(new Set(replies.map(({ word }) => word))).toEqual(new Set(['accepted']));
}

async function pageOf(query: string): Promise<CommandListPage> {
  const { status, body } = await api.get(`/commands?${query}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return commandListSchema.parse(body);
}

/** Every page of a list: the ids, and how many each page had. */
async function allOf(query: string): Promise<{ ids: string[]; sizes: number[] }> {
  const ids: string[] = [];
  const sizes: number[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: CommandListPage = await pageOf(`${query}${cursor === '' ? '' : `&cursor=${cursor}`}`);
    ids.push(...page.commands.map(({ commandId }) => commandId));
    sizes.push(page.commands.length);
    cursor = page.nextCursor;
  }
  return { ids, sizes };
}

const newestFirst = (numbers: readonly number[]) => [...numbers].reverse().map(idAt);

const startSome = (limit: number, queues = ['default']) =>
  start(client, keys, { agentId: 'agent-1', session: 's.1', limit, queues, types: [], inFlight: [] });

async function end(n: number, status: 'COMPLETED' | 'FAILED'): Promise<void> {
  const outcome =
    status === 'COMPLETED'
      ? { status, result: 'null' }
      : {
          status,
          code: 'EXECUTION_FAILED' as const,
          message: 'm',
          executed: 'yes' as const,
          retryable: false,
          pauseMs: 0,
        };
  const words = await report(client, keys, [
    { id: idAt(n), agentId: 'agent-1', session: 's.1', attempt: 1, outcome },
  ]);
  expect(words).toEqual(['accepted']);
}

test('an empty list has no next page', async () => {
  expect(await pageOf('')).toEqual({ commands: [], nextCursor: null });
});

test('lists the newest first, page by page, each once', async () => {
  for (const n of upTo(7)) await make([n]);
  expect(await allOf('limit=3')).toEqual({ ids: newestFirst(upTo(7)), sizes: [3, 3, 1] });
});

test('a list that ends with a full page says so', async () => {
  await make(upTo(6));
  expect((await allOf('limit=3')).sizes).toEqual([3, 3]);
});

test('keeps the order of a batch, whose commands share a millisecond', async () => {
  await make(upTo(250));
  expect(await allOf('limit=100')).toEqual({ ids: newestFirst(upTo(250)), sizes: [100, 100, 50] });
});

test.each([7, 200])('loses none of many created in one microsecond, %d a page', async (limit) => {
  await make(upTo(450));
  await client.zadd(keys.index, ...upTo(450).flatMap((n) => [1_700_000_000_000_000, idAt(n)]));
  const { ids } = await allOf(`limit=${limit}`);
  expect(new Set(ids).size).toBe(450);
  expect(ids).toHaveLength(450);
});

test('a command that is created meanwhile does not shift the pages', async () => {
  await make(upTo(4));
  const first = await pageOf('limit=2');
  await make([4]);
  const second = await pageOf(`limit=2&cursor=${first.nextCursor}`);
  expect(second.commands.map(({ commandId }) => commandId)).toEqual([idAt(1), idAt(0)]);
});

describe('filters', () => {
  test('by type and by queue', async () => {
    await make([0, 1]);
    await make([2, 3], { queue: 'other' });
    await make([4], { type: 'MAIL' });
    expect((await allOf('queue=other')).ids).toEqual(newestFirst([2, 3]));
    expect((await allOf('type=MAIL')).ids).toEqual([idAt(4)]);
    expect((await allOf('type=MAIL&queue=other')).ids).toEqual([]);
  });

  test('by queue has what waits and runs in its lanes', async () => {
    await make([0, 1], { type: 'MAIL', queue: 'other' });
    await make([2], { queue: 'other' });
    const call = { session: '', limit: 1, queues: ['other'], inFlight: [] };
    await start(client, keys, { ...call, agentId: 'plain', types: ['DELAY'] });
    await start(client, keys, { ...call, agentId: 'postman', types: ['MAIL'] });
    expect(await client.hget(keys.command(idAt(1)), 'queue')).toBe('other/MAIL');
    expect((await allOf('queue=other')).ids).toEqual(newestFirst([0, 1, 2]));
    expect((await allOf('queue=other&status=PENDING')).ids).toEqual([idAt(1)]);
    expect(new Set((await allOf('queue=other&status=RUNNING')).ids)).toEqual(new Set([0, 2].map(idAt)));
    const cancelled = await api.post('/commands/cancel?status=PENDING&queue=other', {});
    expect(cancelled.body).toMatchObject({ cancelled: 1 });
  });

  test('by each status', async () => {
    await make(upTo(6));
    await startSome(4);
    await end(0, 'COMPLETED');
    await end(1, 'FAILED');
    expect((await allOf('status=COMPLETED')).ids).toEqual([idAt(0)]);
    expect((await allOf('status=FAILED')).ids).toEqual([idAt(1)]);
    expect((await allOf('status=RUNNING')).ids).toEqual(newestFirst([2, 3]));
    expect((await allOf('status=PENDING')).ids).toEqual(newestFirst([4, 5]));
    expect(await pageOf('status=FAILED')).toMatchObject({
      commands: [{ error: { code: 'EXECUTION_FAILED', message: 'm', executed: 'yes' }, attempt: 1 }],
    });
  });

  test('PENDING has those that are delayed, by when they start, before those that wait', async () => {
    await make([0, 1]);
    await make([2], { start: { inMs: 60_000 } });
    await make([3], { start: { inMs: 30_000 }, queue: 'other' });
    await make([4], { queue: 'other' });
    expect(await allOf('status=PENDING&limit=2')).toMatchObject({ ids: [2, 3, 4, 1, 0].map(idAt) });
    expect((await allOf('status=PENDING&queue=other')).ids).toEqual([3, 4].map(idAt));
  });

  test('PENDING pages through many that start in the same millisecond', async () => {
    await make(upTo(450), { start: { at: Date.now() + 60_000 } });
    const { ids } = await allOf('status=PENDING&limit=200');
    expect(new Set(ids).size).toBe(450);
  });

  test('RUNNING pages through what runs in several queues', async () => {
    await make([0, 2, 4], { queue: 'a' });
    await make([1, 3], { queue: 'b' });
    await startSome(5, ['a', 'b']);
    const { ids, sizes } = await allOf('status=RUNNING&limit=2');
    expect(new Set(ids)).toEqual(new Set(upTo(5).map(idAt)));
    expect(sizes).toEqual([2, 2, 1]);
    expect((await allOf('status=RUNNING&queue=b')).ids).toEqual(newestFirst([1, 3]));
  });

  test('one that few pass looks at a thousand, and says where to go on', async () => {
    await make([0], { type: 'MAIL' });
    for (const from of [1, 501, 1001]) await make(upTo(500).map((n) => from + n));
    const first = await pageOf('type=MAIL');
    expect(first).toMatchObject({ commands: [], nextCursor: expect.any(String) as string });
    const second = await pageOf(`type=MAIL&cursor=${first.nextCursor}`);
    expect(second).toMatchObject({ commands: [{ commandId: idAt(0) }], nextCursor: null });
  });
});

test('a cursor of another list is refused', async () => {
  await make(upTo(3));
  const { nextCursor } = await pageOf('limit=1');
  expect(await api.get(`/commands?status=PENDING&cursor=${nextCursor}`)).toMatchObject({
    status: 400,
    body: { code: 'invalid_request', errors: [{ field: 'cursor' }] },
  });
  expect((await api.get(`/commands?status=COMPLETED&cursor=${nextCursor}`)).status).toBe(200);
});

test('a stray entry, a pruned command and a broken hash hide no other command', async () => {
  await make(upTo(4));
  await client.xadd(keys.stream('default'), '*', 'what', 'ever');
  await client.del(keys.command(idAt(1)));
  await client.hset(keys.command(idAt(2)), 'status', 'DONE');
  expect((await allOf('')).ids).toEqual(newestFirst([0, 3]));
  expect((await allOf('status=PENDING')).ids).toEqual(newestFirst([0, 3]));
});
