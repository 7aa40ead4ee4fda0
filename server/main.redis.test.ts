import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { once } from 'node:events';
import { metaKey, partitionKeys } from '../shared/store/keys.js';
import { start, submit } from '../shared/lifecycle/transitions.js';
import { endProcesses, freePort, startProcess, type TestProcess } from '../testing/processes.js';
import { TestRedis } from '../testing/redis-server.js';
import { TestApi } from './testing/test-api.js';

const keys = partitionKeys();
let redis: TestRedis;
beforeEach(async () => {
  redis = await TestRedis.start();
});
afterEach(async () => {
  await endProcesses();
  await redis.stop();
});

function startServer(env: Record<string, string> = {}, ipc = false): TestProcess {
  const usual = { PORT: '0', REDIS_URL: redis.url, LOG_LEVEL: 'info', LOG_PRETTY: 'false', GRACE_MS: '2000' };
  return startProcess(['dist/server/main.js'], { env: { ...usual, ...env }, ipc });
}

async function ready(server: TestProcess): Promise<TestApi> {
  const line = await server.waitForLine(/"ready: http/);
  return new TestApi((JSON.parse(line) as { url: string }).url);
}

const delay = { type: 'DELAY', payload: { ms: 1 } };

/** Expects a server that gets this signal to answer the clients that wait, and to end with 0. */
async function expectGoodEnd(server: TestProcess, api: TestApi, signal: 'SIGTERM' | 'SIGINT'): Promise<void> {
  const { body } = await api.post('/commands', delay);
  const { commandId } = body as { commandId: string };
  const waiting = api.get(`/commands/${commandId}?wait=60`);
  // Answered after the wait was begun: both came over connections of their own, in this order.
  await api.get(`/commands/${commandId}`);
  server.kill(signal);
  expect(await waiting).toMatchObject({
    status: 200,
    body: { status: 'PENDING' },
    headers: { connection: 'close' },
  });
  expect(await server.exited).toEqual({ code: 0, signal: null });
}

test('a second signal ends it, whatever is under way', async () => {
  const server = startServer({ GRACE_MS: '600000' });
  const api = await ready(server);
  // A request whose body never ends keeps the stop waiting.
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  const closed = once(socket, 'close');
  socket.on('error', () => undefined);
  const head = [
    'POST /commands HTTP/1.1',
    'Host: localhost',
    'Content-Type: application/json',
    'Content-Length: 9',
  ];
  await new Promise((sent) => socket.write([...head, '', '{'].join('\r\n'), sent));
  await api.get('/health');
  server.kill('SIGTERM');
  await server.waitForLine(/"stopping/);
  // A signal right after the first counts as its echo, so it is repeated.
  const insisting = setInterval(() => server.kill('SIGTERM'), 50);
  expect(await server.exited).toEqual({ code: 143, signal: null });
  clearInterval(insisting);
  await closed;
});

test('a port that is in use: one clear line, and exit code 1', async () => {
  const other = createServer();
  await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
  const { port } = other.address() as AddressInfo;
  const server = startServer({ PORT: String(port) });
  expect(await server.exited).toEqual({ code: 1, signal: null });
  const lines = server.lines.filter((line) => line.includes(`port ${port} on 127.0.0.1 is in use`));
  expect(lines).toEqual([expect.stringContaining('"fatal"'), expect.stringMatching(/^port/)]);
  expect(server.output).not.toContain('    at ');
  await new Promise((closed) => other.close(closed));
});

test('a Redis that belongs to another Fencepost: says the way forward, and exit code 1', async () => {
  await redis.client().hset(metaKey, { schemaVersion: '2', partitions: '1' });
  const server = startServer();
  expect(await server.exited).toEqual({ code: 1, signal: null });
  expect(server.output).toMatch(/schemaVersion 2 instead of 1.*REDIS_URL/);
});

test('a wrong configuration: every fault, and exit code 1', async () => {
  const server = startServer({
    PORT: '99999',
    MAX_BACKLOG: '0',
    LEASE_MS: '5',
    RETENTION_MS: 'a day',
    RETENTION_MAX: '-1',
  });
  expect(await server.exited).toEqual({ code: 1, signal: null });
  expect(server.lines.map((line) => line.split(':')[0]).sort()).toEqual([
    'LEASE_MS',
    'MAX_BACKLOG',
    'PORT',
    'RETENTION_MAX',
    'RETENTION_MS',
  ]);
});

test('waits for a Redis that is away, says so, and answers meanwhile; SIGINT ends it in good order', async () => {
  await redis.kill();
  const port = await freePort();
  const server = startServer({ PORT: String(port) });
  await server.waitForLine(/waiting for Redis/);
  const api = new TestApi(`http://127.0.0.1:${port}`);
  expect(await api.get('/health')).toMatchObject({ status: 200 });
  expect(await api.get('/ready')).toMatchObject({ status: 503, body: { code: 'redis_unavailable' } });
  expect(await api.post('/commands', delay)).toMatchObject({ status: 503, headers: { 'retry-after': '1' } });
  expect(server.output).not.toContain('"ready:');
  await redis.start();
  await ready(server);
  await expectGoodEnd(server, api, 'SIGINT');
});

test('a server that is asked to stop while it waits for Redis ends with 0', async () => {
  await redis.kill();
  const server = startServer();
  await server.waitForLine(/waiting for Redis/);
  server.kill('SIGTERM');
  expect(await server.exited).toEqual({ code: 0, signal: null });
  await redis.start();
});

test('a server logs what it found and what Redis does not guarantee, and stops at SIGTERM', async () => {
  const ids = [1, 2, 3].map((n) => `00000000-0000-7000-8000-00000000000${n}`);
  const commands = ids.map((id) => ({
    id,
    digest: '',
    type: 'DELAY',
    payload: '{"ms":1}',
    queue: 'default',
  }));
  const client = redis.client();
  await submit(client, keys, commands, { notAfter: Date.now() + 60_000, maxBacklog: 10 });
  const agent = { agentId: 'agent-1', session: 's.1', queues: ['default'], types: [], inFlight: [] };
  await start(client, keys, { ...agent, limit: 2 });
  const before = await client.hgetall(keys.command(ids[0] ?? ''));
  await client.config('SET', 'appendfsync', 'everysec');

  const server = startServer({}, true);
  const api = await ready(server);
  const message = await server.waitForMessage(
    (said) => typeof said === 'object' && said !== null && 'ready' in said,
  );
  expect(message).toEqual({
    ready: true,
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) as string,
  });
  expect(server.lines.filter((line) => line.includes('NOT GUARANTEED: appendfsync is everysec'))).toEqual([
    expect.stringContaining('"warn"'),
  ]);
  const line = await server.waitForLine(/found 2 RUNNING commands: 2 leases active, 0 expired/);
  expect(JSON.parse(line)).toMatchObject({ commandIds: ids.slice(0, 2) });
  expect((await api.get('/stats')).body).toMatchObject({
    runningAtStartup: { count: 2, leasesActive: 2, leasesExpired: 0, commandIds: ids.slice(0, 2) },
  });
  // A restart changes nothing for a running command.
  expect(await client.hgetall(keys.command(ids[0] ?? ''))).toEqual(before);
  await expectGoodEnd(server, api, 'SIGTERM');
});
