import { type AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { type TestAnswer, TestApi } from '../testing/test-api.js';

const keys = partitionKeys();
const delay = { type: 'DELAY', payload: { ms: 1 } };
const id = '01a2017b-11a3-743e-9db2-434e15005157';

let redis: TestRedis;
let server: Server;
let api: TestApi;
let log: { level: string; msg: string }[];
let onLine: () => void;
beforeEach(async () => {
  redis = await TestRedis.start();
  log = [];
  onLine = () => undefined;
  const write = (line: string) => {
    log.push(JSON.parse(line) as { level: string; msg: string });
    onLine();
  };
  const logger = createLogger({ side: 'server', level: 'info', pretty: false, destination: { write } });
  const options = { host: '127.0.0.1', port: 0, leaseMs: 15_000, graceMs: 1000, maxBacklog: 10_000, logger };
  server = new Server({ ...options, redisUrl: redis.url });
  await server.start();
  api = new TestApi(server.url);
});
afterEach(async () => {
  // A test that failed must not leave it frozen: nothing could end it then.
  goOn();
  await server.stop();
  await redis.stop();
});

let frozen: number | undefined;
function freeze(): void {
  frozen = redis.pid;
  process.kill(frozen, 'SIGSTOP');
}
function goOn(): void {
  if (frozen !== undefined) process.kill(frozen, 'SIGCONT');
  frozen = undefined;
}

/** Resolves when a line with this text was logged. */
const logged = (text: string) =>
  new Promise<void>((resolve) => {
    onLine = () => {
      if (log.some(({ msg }) => msg.includes(text))) resolve();
    };
    onLine();
  });

const everyRoute: [name: string, send: () => Promise<TestAnswer>][] = [
  ['POST /commands', () => api.post('/commands', delay)],
  ['POST /commands with a key', () => api.post('/commands', delay, { 'idempotency-key': 'k' })],
  ['POST /commands/batch', () => api.post('/commands/batch', { commands: [delay, delay] })],
  ['GET /commands', () => api.get('/commands')],
  ...['PENDING', 'RUNNING', 'FAILED', 'COMPLETED'].map((status): [string, () => Promise<TestAnswer>] => [
    `GET /commands?status=${status}`,
    () => api.get(`/commands?status=${status}`),
  ]),
  ['GET /commands/:id', () => api.get(`/commands/${id}`)],
  // Patient for as long as it was asked to be, also while Redis is away.
  ['GET /commands/:id?wait', () => api.get(`/commands/${id}?wait=1`)],
  ['GET /agents', () => api.get('/agents')],
  ['GET /queues', () => api.get('/queues')],
  ['GET /types', () => api.get('/types')],
  ['GET /stats', () => api.get('/stats')],
  ['GET /ready', () => api.get('/ready')],
];

async function expectUnavailable(): Promise<void> {
  // All at once: each of them may be the one that finds out.
  const answers = await Promise.all(everyRoute.map(([, send]) => send()));
  for (const [i, { status, headers, body }] of answers.entries()) {
    const [name] = everyRoute[i] ?? [];
    expect({ name, status, retryAfter: headers['retry-after'], body }).toMatchObject({
      name,
      status: 503,
      retryAfter: '1',
      body: { code: 'redis_unavailable' },
    });
    const detail = (body as { detail: string }).detail;
    if (name?.startsWith('POST'))
      expect(detail).toContain('unknown: send it again with the same Idempotency-Key');
    else expect(detail).toContain('Nothing was changed');
  }
  expect(await api.get('/health')).toMatchObject({ status: 200 });
}

async function expectAllWell(): Promise<void> {
  const { status, body } = await api.post('/commands', delay, { 'idempotency-key': 'k' });
  expect([200, 202]).toContain(status);
  const { commandId } = body as { commandId: string };
  expect(await api.get(`/commands/${commandId}`)).toMatchObject({ status: 200, body: { status: 'PENDING' } });
  for (const [name, send] of everyRoute.filter(
    ([route]) => route.startsWith('GET') && !route.includes(':id'),
  )) {
    const answer = await send();
    expect({ name, status: answer.status }).toEqual({ name, status: 200 });
  }
}

test('Redis killed: every route says so, and all is well when it is back', async () => {
  await expectAllWell();
  await redis.kill();
  await expectUnavailable();
  await redis.start();
  await logged('Redis is back');
  await expectAllWell();
  expect(await redis.client().zcard(keys.index)).toBe(1);
});

test('Redis frozen: every route answers while it is, and all is well when it goes on', async () => {
  await expectAllWell();
  freeze();
  // Redis is let go only when every answer is there, so none of them can have come from it.
  await expectUnavailable();
  await expectUnavailable();
  goOn();
  await logged('Redis is back');
  await expectAllWell();
});

test('an answer comes within two seconds of a request, also from a frozen Redis', async () => {
  freeze();
  const startedAt = performance.now();
  await Promise.all(everyRoute.map(([, send]) => send()));
  // The timeout of a call is 1.5 s; this only fails when two of them add up.
  expect(performance.now() - startedAt).toBeLessThan(2900);
  goOn();
});

test('once it is known that Redis is silent, no request waits for a timeout again', async () => {
  freeze();
  await api.get('/stats');
  const startedAt = performance.now();
  for (let i = 0; i < 50; i++) expect((await api.post('/commands', delay)).status).toBe(503);
  // Fifty timeouts would be 75 s; a busy machine answers fifty times in far less than five of them.
  expect(performance.now() - startedAt).toBeLessThan(5 * 1500);
  goOn();
  await logged('Redis is back');
  // None of the fifty was sent to it.
  expect(await redis.client().zcard(keys.index)).toBe(0);
});

test('a wait that ends while Redis is away is answered 503', async () => {
  const { body } = await api.post('/commands', delay);
  const waiting = api.get(`/commands/${(body as { commandId: string }).commandId}?wait=2`);
  await redis.kill();
  expect(await waiting).toMatchObject({ status: 503, body: { code: 'redis_unavailable' } });
  await redis.start();
  await logged('Redis is back');
});

test('an outage is two lines in the log, however many calls it hits', async () => {
  await redis.kill();
  await logged('waiting for Redis');
  for (let i = 0; i < 5; i++) await expectUnavailable();
  await redis.start();
  await logged('Redis is back');
  await expectAllWell();
  const lines = log
    .filter(({ msg }) => msg !== 'request')
    .map(({ level, msg }) => `${level} ${msg.slice(0, 17)}`);
  expect(lines).toEqual(['warn waiting for Redis', 'info Redis is back'].map((line) => line.slice(0, 22)));
});

test('a Redis that became a replica takes no commands, and one that is a primary again does', async () => {
  const unused = createServer();
  await new Promise<void>((listening) => unused.listen(0, '127.0.0.1', listening));
  const { port } = unused.address() as AddressInfo;
  await new Promise((closed) => unused.close(closed));
  const client = redis.client();
  await client.replicaof('127.0.0.1', port);
  expect(await api.get('/ready')).toMatchObject({ status: 503, body: { code: 'redis_unavailable' } });
  expect(await api.post('/commands', delay)).toMatchObject({
    status: 503,
    body: { code: 'redis_unavailable' },
  });
  await client.replicaof('NO', 'ONE');
  let answer = await api.post('/commands', delay);
  while (answer.status === 503) answer = await api.post('/commands', delay);
  expect(answer.status).toBe(202);
});
