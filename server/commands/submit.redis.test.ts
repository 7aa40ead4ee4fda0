import { type Redis } from 'ioredis';
import { partitionKeys, typesKey } from '../../shared/store/keys.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { TestApi, type TestAnswer } from '../testing/test-api.js';

const keys = partitionKeys();
const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
const delay = { type: 'DELAY', payload: { ms: 5 } };

let redis: TestRedis;
let client: Redis;
let server: Server;
let api: TestApi;
const options = { host: '127.0.0.1', port: 0, leaseMs: 15_000, graceMs: 1000, maxBacklog: 100, logger };

beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  server = new Server({ ...options, redisUrl: redis.url });
  await server.start();
  api = new TestApi(server.url);
});
beforeEach(async () => {
  await client.flushall();
});
afterAll(async () => {
  await server.stop();
  await redis.stop();
});

const idOf = ({ body }: TestAnswer) => (body as { commandId: string }).commandId;
const problem = (status: number, code: string) => ({ status, body: { status, code } });
const hashOf = (id: string) => client.hgetall(keys.command(id));

test('stores what was asked for, and says where to look', async () => {
  const answer = await api.post('/commands', {
    ...delay,
    queue: 'slow',
    timeoutMs: 100,
    ttlMs: 60_000,
    onAgentLost: 'retry',
    maxLosses: 2,
    maxAttempts: 4,
  });
  const id = idOf(answer);
  expect(answer).toMatchObject({
    status: 202,
    headers: { location: `commands/${id}`, 'cache-control': 'no-store' },
  });
  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  expect(await api.get(`/commands/${id}`)).toMatchObject({
    status: 200,
    body: {
      commandId: id,
      status: 'PENDING',
      ...delay,
      queue: 'slow',
      timeoutMs: 100,
      onAgentLost: 'retry',
      maxLosses: 2,
      maxAttempts: 4,
      attempt: 0,
      losses: 0,
      result: null,
      error: null,
      agentId: null,
      startedAt: null,
      finishedAt: null,
      runAt: null,
      waitingFor: 'agent',
      cancelRequestedAt: null,
      progress: null,
      history: [],
    },
  });
  expect(await client.xlen(keys.stream('slow'))).toBe(1);
});

test('a command that is to start later is scheduled: delayMs, or runAt', async () => {
  const runAt = new Date(Date.now() + 3_600_000).toISOString();
  const at = idOf(await api.post('/commands', { ...delay, runAt }));
  const inMs = idOf(await api.post('/commands', { ...delay, delayMs: 3_600_000 }));
  expect((await api.get(`/commands/${at}`)).body).toMatchObject({
    status: 'PENDING',
    runAt,
    waitingFor: 'schedule',
  });
  expect((await client.zrange(keys.scheduled, '0', '-1')).sort()).toEqual([at, inMs].sort());
  expect(await client.exists(keys.stream('default'))).toBe(0);
});

test('a runAt that has passed starts at once', async () => {
  await api.post('/commands', { ...delay, runAt: '2020-01-31T12:00:00+01:00' });
  expect(await client.xlen(keys.stream('default'))).toBe(1);
});

describe('Idempotency-Key', () => {
  const send = (key: string, body: unknown = delay) =>
    api.post('/commands', body, { 'idempotency-key': key });

  test('the same key and body again: 200 and the first id', async () => {
    const first = await send('order-1');
    const body = '{ "payload": {"ms": 5.0},\n "type": "DELAY" }';
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'order-1' };
    const again = await api.send('POST', '/commands', { body, headers });
    expect(first.status).toBe(202);
    expect(again).toMatchObject({
      status: 200,
      headers: { location: first.headers.location },
      body: first.body,
    });
    expect(await client.xlen(keys.stream('default'))).toBe(1);
  });

  test('twenty at once make one command', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => send('order-2')));
    expect(new Set(answers.map(idOf)).size).toBe(1);
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(19).fill(200), 202]);
    expect(await client.xlen(keys.stream('default'))).toBe(1);
    expect(await client.hgetall(keys.counts)).toEqual({ PENDING: '1' });
  });

  test.each([
    ['another payload', { type: 'DELAY', payload: { ms: 6 } }],
    ['another queue', { ...delay, queue: 'other' }],
    ['a default spelt out', { ...delay, queue: 'default' }],
  ])('the same key with %s: 422', async (_what, body) => {
    await send('order-3');
    expect(await send('order-3', body)).toMatchObject(problem(422, 'idempotency_key_reused'));
    expect(await client.xlen(keys.stream('default'))).toBe(1);
  });

  test('keys that differ in case are two; the longest key is one', async () => {
    const ids = await Promise.all(
      ['Key', 'key', 'k'.repeat(255), '!~'].map(async (key) => idOf(await send(key))),
    );
    expect(new Set(ids).size).toBe(4);
  });

  test('says the same id also when the command has long ended', async () => {
    const id = idOf(await send('order-4'));
    await client.hset(keys.command(id), 'status', 'COMPLETED', 'result', '{"ok":true}');
    expect(await send('order-4')).toMatchObject({ status: 200, body: { commandId: id } });
  });

  test('without one, the same body twice is two commands', async () => {
    expect(idOf(await api.post('/commands', delay))).not.toBe(idOf(await api.post('/commands', delay)));
  });
});

describe('batch', () => {
  test('answers an id per command, in order', async () => {
    const answer = await api.post('/commands/batch', {
      commands: [0, 1, 2].map((ms) => ({ type: 'DELAY', payload: { ms } })),
    });
    expect(answer.status).toBe(202);
    const { commandIds } = answer.body as { commandIds: string[] };
    const payloads = await Promise.all(commandIds.map(async (id) => (await hashOf(id)).payload));
    expect(payloads).toEqual(['{"ms":0}', '{"ms":1}', '{"ms":2}']);
  });

  test('takes a thousand', async () => {
    await server.stop();
    server = new Server({ ...options, maxBacklog: 2000, redisUrl: redis.url });
    await server.start();
    api = new TestApi(server.url);
    const answer = await api.post('/commands/batch', { commands: Array(1000).fill(delay) });
    expect(new Set((answer.body as { commandIds: string[] }).commandIds).size).toBe(1000);
  });

  test('one bad command stores none', async () => {
    await api.post('/commands/batch', { commands: [delay, { ...delay, payload: {} }] });
    expect(await client.dbsize()).toBe(0);
  });
});

describe('keys of a batch', () => {
  const other = { type: 'DELAY', payload: { ms: 6 } };
  const send = (commands: readonly object[], key?: string) =>
    api.post('/commands/batch', { commands }, key === undefined ? {} : { 'idempotency-key': key });
  const idsOf = ({ body }: TestAnswer) => (body as { commandIds: string[] }).commandIds;

  test('one for the whole: the same key and body again is 200 and the first ids', async () => {
    const first = await send([delay, delay, other], 'import-1');
    expect([first.status, new Set(idsOf(first)).size]).toEqual([202, 3]);
    expect(await send([delay, delay, other], 'import-1')).toMatchObject({ status: 200, body: first.body });
    expect(await client.zcard(keys.index)).toBe(3);
  });

  test.each([
    ['another command', [delay, delay]],
    ['one more', [delay, other, delay]],
    ['one less', [delay]],
    ['the same in another order', [other, delay]],
    ['a key of its own', [delay, { ...other, idempotencyKey: 'k' }]],
  ])('one for the whole with %s: 422, and nothing is stored', async (_what, commands) => {
    await send([delay, other], 'import-2');
    expect(await send(commands, 'import-2')).toMatchObject({
      ...problem(422, 'idempotency_key_reused'),
      body: { errors: [{ field: 'Idempotency-Key' }] },
    });
    expect(await client.zcard(keys.index)).toBe(2);
  });

  test('one per command: it is the key that the command alone would have', async () => {
    const alone = await api.post('/commands', delay, { 'idempotency-key': 'order-1' });
    const inBody = await api.post('/commands', { ...delay, idempotencyKey: 'order-1' });
    const batch = [
      { ...delay, idempotencyKey: 'order-1' },
      { ...other, idempotencyKey: 'order-2' },
    ];
    const first = await send(batch);
    expect([alone.status, inBody.status, first.status]).toEqual([202, 200, 202]);
    expect(idsOf(first)[0]).toBe(idOf(alone));
    expect(await send(batch.toReversed())).toMatchObject({
      status: 200,
      body: { commandIds: idsOf(first).toReversed() },
    });
    expect(await client.zcard(keys.index)).toBe(2);
  });

  test('one that came with another body keeps all of the batch from being stored, and is named', async () => {
    await api.post('/commands', delay, { 'idempotency-key': 'order-1' });
    const batch = [other, { ...other, idempotencyKey: 'order-3' }, { ...other, idempotencyKey: 'order-1' }];
    expect(await send(batch, 'import-3')).toMatchObject({
      ...problem(422, 'idempotency_key_reused'),
      body: { errors: [{ field: 'commands[2].idempotencyKey' }] },
    });
    expect(await client.zcard(keys.index)).toBe(1);
    expect(await client.hgetall(keys.counts)).toEqual({ PENDING: '1' });
  });

  test('the same key twice in one batch is one command, or a conflict', async () => {
    const keyed = { ...delay, idempotencyKey: 'order-4' };
    const [one, again] = idsOf(await send([keyed, keyed]));
    expect(one).toBe(again);
    const conflict = await send([
      { ...keyed, idempotencyKey: 'o' },
      { ...other, idempotencyKey: 'o' },
    ]);
    expect(conflict).toMatchObject(problem(422, 'idempotency_key_reused'));
    expect(await client.zcard(keys.index)).toBe(1);
  });

  test('batches that come at once are stored each for itself', async () => {
    const answers = await Promise.all([
      send([delay, other], 'import-4'),
      send([other, delay], 'import-4'),
      api.post('/commands', delay),
      send([delay, other], 'import-4'),
      send([delay, { ...delay, idempotencyKey: 'k' }]),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([202, 422, 202, 200, 202]);
    expect(await client.zcard(keys.index)).toBe(5);
  });

  test('without any, the same batch twice is stored twice', async () => {
    expect([(await send([delay])).status, (await send([delay])).status]).toEqual([202, 202]);
    expect(await client.zcard(keys.index)).toBe(2);
  });
});

test('a command whose names are lone surrogates is not that of others, by its key', async () => {
  await client.hset(typesKey, 'ANY', announced({}));
  const headers = { 'idempotency-key': 'surrogates', 'content-type': 'application/json' };
  const send = (name: string) =>
    api.send('POST', '/commands', { body: `{"type":"ANY","payload":{"${name}":"${name}"}}`, headers });
  let first = await send('\\ud800');
  // Not known yet, or not made ready for use yet.
  while ([400, 503].includes(first.status)) first = await send('\\ud800');
  expect([first.status, (await send('\\ud800')).status, (await send('\\ud801')).status]).toEqual([
    202, 200, 422,
  ]);
});

test('says where a command is relative to the path that was asked, so that a base path of a proxy stays', async () => {
  for (const path of ['/commands', '/commands/']) {
    const answer = await api.post(path, delay);
    const url = new URL(answer.headers.location ?? '', `http://proxy/base${path}`);
    expect(url.pathname).toBe(`/base/commands/${idOf(answer)}`);
  }
});

test('carries a payload as it came, whatever its keys are called', async () => {
  await client.hset(typesKey, 'ANY', announced({}));
  const body = '{"type":"ANY","payload":{"__proto__":{"a":1},"constructor":null,"b":[-0,"\\ud83d\\ude00"]}}';
  const id = idOf(
    await api.send('POST', '/commands', { body, headers: { 'content-type': 'application/json' } }),
  );
  expect((await hashOf(id)).payload).toBe('{"__proto__":{"a":1},"constructor":null,"b":[0,"\u{1f600}"]}');
});

const announced = (payload: object, onAgentLost = 'fail') =>
  JSON.stringify({ payload, result: {}, onAgentLost, announcedAt: Date.now() });

describe('types that agents announced', () => {
  test('are known within a second, with their rules', async () => {
    const schema = {
      type: 'object',
      properties: { to: { type: 'string', format: 'email' } },
      required: ['to'],
    };
    const mail = { type: 'SEND_MAIL', payload: { to: 'me@example.org' } };
    // Whether it was asked for in the last second depends on the tests before: then it is not read again yet.
    await client.hset(typesKey, 'SEND_MAIL', announced(schema, 'retry'));
    let answer = await api.post('/commands', mail);
    while (answer.status === 400) answer = await api.post('/commands', mail);
    expect((await hashOf(idOf(answer))).onAgentLost).toBe('retry');
    expect(await api.post('/commands', { ...mail, payload: {} })).toMatchObject({
      ...problem(400, 'invalid_request'),
      body: { errors: [{ field: 'payload.to', message: 'is required' }] },
    });
    const own = await api.post('/commands', { ...mail, onAgentLost: 'fail' });
    expect((await hashOf(idOf(own))).onAgentLost).toBeUndefined();
  });
});

test('refuses more than the backlog may hold, whole, and says when to come back', async () => {
  await client.hset(keys.counts, 'PENDING', 1999);
  const answer = await api.post('/commands/batch', { commands: [delay, delay] });
  expect(answer).toMatchObject({ ...problem(503, 'backlog_full'), headers: { 'retry-after': '5' } });
  expect(await client.exists(keys.index)).toBe(0);
  expect((await api.post('/commands', delay)).status).toBe(202);
});

test('an Idempotency-Key that is known is answered also when the backlog is full', async () => {
  const headers = { 'idempotency-key': 'known' };
  await api.post('/commands', delay, headers);
  await client.hset(keys.counts, 'PENDING', 2000);
  expect((await api.post('/commands', delay, headers)).status).toBe(200);
});

test('names the key when something else is where a queue should be', async () => {
  await client.set(keys.stream('default'), 'x');
  expect(await api.post('/commands', delay)).toMatchObject({
    ...problem(500, 'redis_key_broken'),
    body: { detail: expect.stringContaining(keys.stream('default')) as string },
  });
});

test('requests that come at once are answered each for itself', async () => {
  await client.hset(keys.counts, 'PENDING', 1997);
  await client.set(keys.stream('broken'), 'x');
  const answers = await Promise.all([
    api.post('/commands', delay),
    api.post('/commands', { ...delay, queue: 'broken' }),
    api.post('/commands/batch', { commands: Array(4).fill(delay) }),
    api.post('/commands', delay),
    api.post('/commands', { ...delay, queue: 7 }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([202, 500, 503, 202, 400]);
  const ids = answers.filter(({ status }) => status === 202).map(idOf);
  expect((await client.zrange(keys.index, '0', '-1')).sort()).toEqual(ids.sort());
});

test('a full Redis refuses new work and stores none of it', async () => {
  await client.config('SET', 'maxmemory', '1');
  try {
    expect(await api.post('/commands', delay)).toMatchObject({
      ...problem(503, 'redis_full'),
      headers: { 'retry-after': '5' },
    });
  } finally {
    await client.config('SET', 'maxmemory', '0');
  }
  expect(await client.dbsize()).toBe(0);
  expect((await api.post('/commands', delay)).status).toBe(202);
});
