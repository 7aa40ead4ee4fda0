import { type Redis } from 'ioredis';
import { type Client, createClient } from './client.js';
import { type ClientEvent, type EventsOptions } from './events.js';
import { createLogger } from '../runtime/logger.js';
import { partitionKeys } from '../store/keys.js';
import { freePort } from '../../testing/processes.js';
import { TcpProxy } from '../../testing/tcp-proxy.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../../server/server.js';
import { EventClient } from '../../server/testing/event-client.js';
import { TestApi } from '../../server/testing/test-api.js';

const keys = partitionKeys();
const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
const one = '0192f3a4-5b6c-7d8e-9f01-000000000001';
const other = '0192f3a4-5b6c-7d8e-9f01-000000000002';
let redis: TestRedis;
let redisClient: Redis;
let server: Server;
let proxy: TcpProxy;
let client: Client;
beforeAll(async () => {
  redis = await TestRedis.start();
  redisClient = redis.client();
});
beforeEach(async () => {
  server = await startServer(await freePort());
  // The proxy knows nothing of HTTP, so it lets a stream through as it comes.
  proxy = await TcpProxy.start({ host: '127.0.0.1', port: Number(new URL(server.url).port) });
  client = createClient({ url: proxy.url.replace('redis:', 'http:') });
});
afterEach(async () => {
  await client.close();
  await proxy.stop();
  await server.stop();
});
afterAll(() => redis.stop());

async function startServer(port: number): Promise<Server> {
  const options = { host: '127.0.0.1', port, leaseMs: 15_000, graceMs: 1000, maxBacklog: 100, logger };
  const started = new Server({ ...options, redisUrl: redis.url });
  await started.start();
  const probe = await EventClient.open(`${started.url}/events?commandId=${other}`);
  const subscribed = probe.untilEvents(1).then(() => true);
  const turn = () => new Promise<false>((next) => setImmediate(() => next(false)));
  while (!(await Promise.race([subscribed, turn()])))
    await redisClient.publish(keys.events, `${other} PENDING 0`);
  probe.close();
  return started;
}

const happens = (text: string) => redisClient.publish(keys.events, text);

/** Opens a stream: events from now on arrive on it. */
async function open(options: EventsOptions = {}) {
  let opened: () => void = () => undefined;
  const isOpen = new Promise<void>((resolve) => (opened = resolve));
  const events = client.events({ ...options, onOpen: () => opened() });
  const first = events.next();
  await isOpen;
  let pending: Promise<IteratorResult<ClientEvent>> | undefined = first;
  const next = async (): Promise<ClientEvent | undefined> => {
    const result = await (pending ?? events.next());
    pending = undefined;
    return result.done ? undefined : result.value;
  };
  return { events, next };
}

test('events are the transitions of all commands or of one', async () => {
  const [all, ofOne] = [await open(), await open({ commandId: one })];
  await happens(`${other} RUNNING 1`);
  await happens(`${one} COMPLETED 2`);
  expect(await all.next()).toMatchObject({
    kind: 'transition',
    commandId: other,
    status: 'RUNNING',
    attempt: 1,
  });
  const told = { kind: 'transition', commandId: one, status: 'COMPLETED', attempt: 2 };
  expect([await all.next(), await ofOne.next()]).toMatchObject([told, told]);
});

test('goes on where it was when its connection breaks: nothing is missing, nothing comes twice', async () => {
  const stream = await open();
  await happens(`${one} PENDING 0`);
  expect(await stream.next()).toMatchObject({ status: 'PENDING' });
  proxy.reset();
  await happens(`${one} RUNNING 1`);
  await happens(`${one} COMPLETED 1`);
  expect([await stream.next(), await stream.next()]).toMatchObject([
    { kind: 'transition', status: 'RUNNING' },
    { kind: 'transition', status: 'COMPLETED' },
  ]);
});

test('a stream goes on where it was, also when it had received nothing yet', async () => {
  const stream = await open({ commandId: one });
  const next = stream.next();
  await happens(`${other} RUNNING 1`);
  proxy.reset();
  await happens(`${one} COMPLETED 1`);
  expect(await next).toMatchObject({ kind: 'transition', commandId: one, status: 'COMPLETED' });
});

test('a stream begins behind the event whose id it is given', async () => {
  const first = await open();
  await happens(`${one} PENDING 0`);
  const seen = await first.next();
  await first.events.return();
  await happens(`${one} RUNNING 1`);
  const second = await open({ lastEventId: seen?.eventId });
  expect(await second.next()).toMatchObject({ status: 'RUNNING' });
});

test('says after a restart of the server that something may be missing', async () => {
  const stream = await open();
  await happens(`${one} PENDING 0`);
  await stream.next();
  const { port } = new URL(server.url);
  await server.stop();
  server = await startServer(Number(port));
  expect(await stream.next()).toMatchObject({ kind: 'resync', reason: 'unknown_id' });
  await happens(`${one} COMPLETED 1`);
  expect(await stream.next()).toMatchObject({ kind: 'transition', status: 'COMPLETED' });
});

test('takes a line that is silent for too long for one that is dead', async () => {
  let opened = 0;
  const events = client.events({ silenceMs: 200, onOpen: () => opened++ });
  const told = (async () => {
    for await (const event of events) return event;
    return undefined;
  })();
  // No heartbeat comes within that time.
  while (opened < 2) await new Promise((turn) => setImmediate(turn));
  await happens(`${one} COMPLETED 1`);
  expect(await told).toMatchObject({ kind: 'transition', status: 'COMPLETED' });
});

test('a loop that is left closes its connection', async () => {
  const stream = await open();
  await happens(`${one} PENDING 0`);
  await stream.next();
  const api = new TestApi(server.url);
  const streams = async () =>
    /^fencepost_sse_connections (\d+)$/m.exec(String((await api.get('/metrics')).body))?.[1];
  expect(await streams()).toBe('1');
  await stream.events.return();
  while ((await streams()) !== '0');
});

test('a command that cannot be one is refused', async () => {
  await expect(client.events({ commandId: 'x' }).next()).rejects.toMatchObject({
    status: 400,
    code: 'invalid_request',
  });
});
