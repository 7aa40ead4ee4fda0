import { type Redis } from 'ioredis';
import {
  agentListSchema,
  queueListSchema,
  readinessSchema,
  statsSchema,
  typeListSchema,
} from '../../shared/protocol/api.js';
import { register } from '../../shared/lifecycle/registration.js';
import { report, start, submit } from '../../shared/lifecycle/transitions.js';
import { shownAs } from '../../shared/protocol/sessions.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { agentKey, agentsKey, group, partitionKeys, typesKey } from '../../shared/store/keys.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { TestApi } from '../testing/test-api.js';
import { findRunning } from './running-at-startup.js';

const keys = partitionKeys();
const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
let redis: TestRedis;
let client: Redis;
let server: Server;
let api: TestApi;
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
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

const agent = { agentId: 'agent-1', session: 's.1' };
const commandsOf = (ids: string[], queue: string, start?: { inMs: number }) =>
  ids.map((id) => ({ id, digest: '', type: 'DELAY', payload: '{"ms":1}', queue, start }));

async function make(ids: string[], queue = 'default', start?: { inMs: number }): Promise<void> {
  await submit(client, keys, commandsOf(ids, queue, start), {
    notAfter: Date.now() + 60_000,
    maxBacklog: 1e6,
  });
}
const startSome = (limit: number, queues = ['default']) =>
  start(client, keys, { ...agent, limit, queues, types: [], inFlight: [] });

const get = async (path: string) => {
  const { status, body } = await api.get(path);
  expect({ status, body }).toMatchObject({ status: 200 });
  return body;
};

const uuid = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;

test('everything is there, and empty, on a Redis that holds nothing', async () => {
  expect(await get('/agents')).toEqual({ agents: [] });
  expect(await get('/queues')).toEqual({ queues: [], nextCursor: null });
  expect(statsSchema.parse(await get('/stats'))).toMatchObject({
    counts: { PENDING: 0, RUNNING: 0, COMPLETED: 0, FAILED: 0 },
    scheduled: 0,
    pendingEntries: 0,
    oldestWaitingMs: null,
    malformedEntries: 0,
    recovery: { pauses: 0 },
    retention: { pruned: 0, lastPrunedAt: null, behindMs: 0 },
    runningAtStartup: { count: 0, leasesActive: 0, leasesExpired: 0, commandIds: [] },
  });
});

test('every answer keeps out of caches, and says nothing of what it is made with', async () => {
  for (const path of ['/', '/health', '/stats', '/nothing']) {
    const { headers } = await api.get(path);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(headers).not.toHaveProperty('x-powered-by');
    expect(headers).not.toHaveProperty('etag');
  }
});

test('the page at / names every endpoint', async () => {
  const { endpoints } = (await get('/')) as { endpoints: Record<string, string> };
  expect(Object.keys(endpoints)).toEqual(
    expect.arrayContaining(['POST /commands', 'POST /commands/batch', 'GET /commands/:id', 'GET /ready']),
  );
});

test('queues and stats count what waits, what runs and what is scheduled', async () => {
  await make([uuid(1), uuid(2), uuid(3)]);
  await make([uuid(4)], 'slow');
  await make([uuid(5)], 'slow', { inMs: 60_000 });
  await startSome(2);
  await report(client, keys, [
    { id: uuid(1), ...agent, attempt: 1, outcome: { status: 'COMPLETED', result: 'null' } },
  ]);
  await client.xadd(keys.dead, '*', 'why', 'x');
  const { queues } = queueListSchema.parse(await get('/queues'));
  const waiting = { oldestWaitingMs: expect.any(Number) as number, paused: false, pausedAt: null };
  expect(queues).toEqual([
    { queue: 'default', length: 2, pending: 1, consumers: 1, ...waiting },
    { queue: 'slow', length: 1, pending: 0, consumers: 0, ...waiting },
  ]);
  expect(statsSchema.parse(await get('/stats'))).toMatchObject({
    counts: { PENDING: 3, RUNNING: 1, COMPLETED: 1, FAILED: 0 },
    scheduled: 1,
    pendingEntries: 1,
    malformedEntries: 1,
    oldestWaitingMs: expect.any(Number) as number,
  });
});

test('the oldest command that waits is the oldest that no agent was given', async () => {
  await client.sadd(keys.queues, 'default');
  await client.xadd(keys.stream('default'), '1000-0', 'id', 'given');
  await client.xadd(keys.stream('default'), `${Date.now() - 5000}-0`, 'id', 'waits');
  await client.xgroup('CREATE', keys.stream('default'), group, '0');
  await client.xreadgroup('GROUP', group, 'agent-1', 'COUNT', 1, 'STREAMS', keys.stream('default'), '>');
  const [queue] = queueListSchema.parse(await get('/queues')).queues;
  expect(queue?.oldestWaitingMs).toBeGreaterThanOrEqual(5000);
  expect(queue?.oldestWaitingMs).toBeLessThan(60_000);
});

test('a queue whose key is of another type spoils nothing', async () => {
  await make([uuid(1)]);
  await client.sadd(keys.queues, 'broken');
  await client.set(keys.stream('broken'), 'x');
  expect(queueListSchema.parse(await get('/queues')).queues).toMatchObject([
    { queue: 'broken', length: 0 },
    { queue: 'default', length: 1 },
  ]);
  for (const path of ['/stats', '/agents', '/commands?status=PENDING', '/commands?status=RUNNING'])
    await get(path);
});

describe('agents', () => {
  const registration = {
    agentId: 'agent-1',
    instance: 'i',
    boot: 3,
    host: 'here',
    leaseMs: 15_000,
    fields: { pid: 42, version: '1.2.3', concurrency: 4, queues: 'a,b', types: 'DELAY' },
  };

  test('are shown as they registered, with what they have in their hands', async () => {
    await register(client, registration);
    await make([uuid(1), uuid(2), uuid(3)]);
    await startSome(2);
    expect(agentListSchema.parse(await get('/agents')).agents).toEqual([
      {
        agentId: 'agent-1',
        session: shownAs('i.3'),
        instance: shownAs('i'),
        state: 'live',
        draining: false,
        host: 'here',
        pid: 42,
        version: '1.2.3',
        queues: ['a', 'b'],
        weights: null,
        types: ['DELAY'],
        concurrency: 4,
        running: 2,
        leaseMs: 15_000,
        lastSeen: expect.any(String) as string,
      },
    ]);
  });

  test.each([
    ['6,3', { a: 6, b: 3 }],
    ['', null],
    ['6', null],
    ['6,x', null],
  ])('whose weights are %j serve by %j', async (weights, shown) => {
    await register(client, { ...registration, fields: { ...registration.fields, weights } });
    expect(await get('/agents')).toMatchObject({ agents: [{ queues: ['a', 'b'], weights: shown }] });
  });

  test('are lost when they have sent nothing for their lease', async () => {
    await register(client, registration);
    await client.hset(agentKey('agent-1'), 'lastSeen', Date.now() - 15_001);
    expect(await get('/agents')).toMatchObject({ agents: [{ state: 'lost' }] });
  });

  test('that are made up are left out', async () => {
    await client.sadd(agentsKey, 'string', 'half', 'not a name', 'gone');
    await client.set(agentKey('string'), 'x');
    await client.hset(agentKey('half'), 'host', 'x');
    await client.hset(agentKey('not a name'), 'host', 'x');
    expect(await get('/agents')).toEqual({ agents: [] });
    expect(await client.sismember(agentsKey, 'gone')).toBe(0);
  });
});

test('types are the built-in ones and those that were announced', async () => {
  const announced = {
    payload: { type: 'object' },
    result: {},
    onAgentLost: 'retry',
    announcedAt: Date.now(),
  };
  await client.hset(typesKey, { MAIL: JSON.stringify(announced), BAD: '{' });
  const { types } = typeListSchema.parse(await get('/types'));
  expect(types.map(({ type, source }) => `${type} ${source}`)).toEqual([
    'BAD announced',
    'DELAY built-in',
    'HTTP_GET_JSON built-in',
    'MAIL announced',
  ]);
  expect(types[0]?.schemaError).toMatch(/not \{payload/);
  expect(types[3]).toMatchObject({
    onAgentLost: 'retry',
    announcedAt: new Date(announced.announcedAt).toISOString(),
    schemaError: null,
  });
  expect(await api.post('/commands', { type: 'BAD', payload: {} })).toMatchObject({
    status: 400,
    body: { code: 'invalid_type_schema', errors: [{ field: 'type' }] },
  });
});

test('ready says what is not guaranteed, and serves all the same', async () => {
  expect(readinessSchema.parse(await get('/ready'))).toEqual({
    status: 'ready',
    durability: { ok: true, reasons: [] },
    limits: [],
  });
  await client.config('SET', 'appendfsync', 'everysec');
  expect(await get('/ready')).toMatchObject({
    durability: { ok: false, reasons: [expect.stringContaining('appendfsync is everysec') as string] },
  });
  await client.config('SET', 'appendfsync', 'always');
});

test('the error for a broken command names its key', async () => {
  await client.set(keys.command(uuid(1)), 'x');
  expect(await api.get(`/commands/${uuid(1)}`)).toMatchObject({
    status: 500,
    body: { code: 'redis_key_broken', detail: expect.stringContaining(keys.command(uuid(1))) as string },
  });
});

test.each(['/types', '/openapi.json', '/metrics'])(
  'broken announcements are named at %s, which serves again once they are gone',
  async (path) => {
    await client.set(typesKey, 'x');
    expect(await api.get(path)).toMatchObject({
      status: 500,
      body: { code: 'redis_key_broken', detail: expect.stringContaining(typesKey) as string },
    });
    await client.del(typesKey);
    await get(path);
  },
);

test('runningAtStartup counts RUNNING commands, by whether their lease is active', async () => {
  const link = { call: <T>(work: (redis: Redis) => Promise<T>) => work(client) };
  const ids = Array.from({ length: 600 }, (_, n) => uuid(n));
  await make(ids);
  await make([uuid(9000)], 'other');
  await startSome(600);
  await client.xclaim(
    keys.stream('default'),
    group,
    'agent-1',
    0,
    await entryOf(uuid(7)),
    'IDLE',
    20_000,
    'JUSTID',
  );
  expect(await findRunning(link, keys, 15_000)).toEqual({
    count: 600,
    leasesActive: 599,
    leasesExpired: 1,
    commandIds: ids.slice(0, 20),
  });
});

const entryOf = async (id: string) => (await client.hget(keys.command(id), 'entry')) ?? '';
