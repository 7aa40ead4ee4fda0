import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Redis } from 'ioredis';
import {
  resyncEventSchema,
  resyncReasons,
  type TransitionEvent,
  transitionEventSchema,
} from '../../shared/protocol/api.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { repositoryRoot, TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { type Block, EventClient } from '../testing/event-client.js';
import { TestApi } from '../testing/test-api.js';

const keys = partitionKeys();
const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
const marker = '0192f3a4-5b6c-7d8e-9f01-000000000000';
let redis: TestRedis;
let client: Redis;
let server: Server;
let api: TestApi;
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
});
beforeEach(async () => {
  await client.flushall();
  server = await startServer();
  api = new TestApi(server.url);
});
afterEach(() => server.stop());
afterAll(() => redis.stop());

async function startServer(): Promise<Server> {
  const options = {
    host: '127.0.0.1',
    port: 0,
    leaseMs: 15_000,
    graceMs: 60_000,
    maxBacklog: 10_000,
    logger,
  };
  const started = new Server({ ...options, redisUrl: redis.url });
  await started.start();
  // The server listens before its feed has subscribed: the transitions of a test must reach it, and the gap be over.
  const probe = await EventClient.open(`${started.url}/events?commandId=${marker}`);
  const heard = (status: string) =>
    probe.until(({ data }) => (data as { status?: string } | undefined)?.status === status).then(() => true);
  const subscribed = heard('RUNNING');
  const turn = () => new Promise<false>((next) => setImmediate(() => next(false)));
  while (!(await Promise.race([subscribed, turn()])))
    await client.publish(keys.events, `${marker} RUNNING 1`);
  // The last of them.
  await client.publish(keys.events, `${marker} COMPLETED 1`);
  await heard('COMPLETED');
  probe.close();
  return started;
}

async function submitOne(): Promise<string> {
  const { body } = await api.post('/commands', { type: 'DELAY', payload: { ms: 1 } });
  return (body as { commandId: string }).commandId;
}

/** An agent is given the command, and reports it. */
async function complete(id: string): Promise<void> {
  await api.get('/commands/next?agentId=a');
  const body = { agentId: 'a', status: 'COMPLETED', result: { ok: true, tookMs: 1 } };
  expect(await api.send('PUT', `/commands/${id}/result`, { body })).toMatchObject({ status: 200 });
}

const wordsOf = ({ event, data }: Block) => {
  if (event === 'resync') return `resync ${resyncEventSchema.strict().parse(data).reason}`;
  const { status, attempt } = transitionEventSchema.strict().parse(data);
  return `${event} ${status} ${attempt}`;
};
const told = (stream: EventClient) => stream.events.map(wordsOf);
const wholeLife = ['transition PENDING 0', 'transition RUNNING 1', 'transition COMPLETED 1'];

test('a stream sends the life of a command, as it happens', async () => {
  const stream = await EventClient.open(`${server.url}/events`);
  expect(stream.headers).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    'x-content-type-options': 'nosniff',
  });
  const before = Date.now();
  const id = await submitOne();
  await stream.untilEvents(1);
  await complete(id);
  await stream.untilEvents(3);
  expect(told(stream)).toEqual(wholeLife);
  const events = stream.events.map(({ data }) => data as TransitionEvent);
  expect(new Set(events.map(({ commandId }) => commandId))).toEqual(new Set([id]));
  expect(Date.parse(events[0]?.at ?? '')).toBeGreaterThanOrEqual(before);
  stream.close();
});

test('a stream sends the progress of an attempt, between its steps', async () => {
  const stream = await EventClient.open(`${server.url}/events`);
  const commandId = await submitOne();
  await api.get('/commands/next?agentId=a');
  const progress = { done: 3, of: 'many words' };
  const told = [{ commandId, attempt: 1, sequence: 1, progress }];
  await api.post('/commands/progress', { agentId: 'a', told });
  // A repeated progress report is no event.
  await api.post('/commands/progress', { agentId: 'a', told });
  const body = { agentId: 'a', status: 'COMPLETED', result: { ok: true, tookMs: 1 } };
  await api.send('PUT', `/commands/${commandId}/result`, { body });
  await stream.untilEvents(4);
  const events = stream.events.map(({ data }) => transitionEventSchema.strict().parse(data));
  expect(events).toMatchObject([
    { status: 'PENDING', progress: null },
    { status: 'RUNNING', attempt: 1, progress: null },
    { commandId, status: 'RUNNING', attempt: 1, progress },
    { status: 'COMPLETED', progress: null },
  ]);
  stream.close();
});

test('a stream may be of one command only, at a server that it was not submitted to', async () => {
  const other = await startServer();
  const id = '0192f3a4-5b6c-7d8e-9f01-23456789abcd';
  const stream = await EventClient.open(`${other.url}/events?commandId=${id.toUpperCase()}`);
  await submitOne();
  await client.publish(keys.events, `${id} RUNNING 1\nsomebody-else RUNNING 1\n${id} COMPLETED 1`);
  await stream.untilEvents(2);
  expect(told(stream)).toEqual(wholeLife.slice(1));
  await other.stop();
  expect(await stream.over).toBe('end');
});

test('a client that comes back is sent what happened meanwhile', async () => {
  const stream = await EventClient.open(`${server.url}/events`);
  await stream.until(({ id }) => id !== undefined);
  stream.close();
  await complete(await submitOne());
  const again = await EventClient.open(`${server.url}/events`, { 'last-event-id': stream.lastEventId });
  await again.untilEvents(3);
  expect(told(again)).toEqual(wholeLife);
  again.close();
});

test('a client that comes back to another server, or to its next run, is asked to read again', async () => {
  const stream = await EventClient.open(`${server.url}/events`);
  await stream.until(({ id }) => id !== undefined);
  await server.stop();
  expect(await stream.over).toBe('end');
  server = await startServer();
  api = new TestApi(server.url);
  const again = await EventClient.open(`${server.url}/events`, { 'last-event-id': stream.lastEventId });
  await complete(await submitOne());
  await again.untilEvents(4);
  expect(told(again)).toEqual(['resync unknown_id', ...wholeLife]);
  again.close();
});

test('a break between server and Redis is announced, once messages come again', async () => {
  const stream = await EventClient.open(`${server.url}/events`);
  await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await stream.untilEvents(1);
  await complete(await submitOne());
  await stream.untilEvents(4);
  expect(told(stream)).toEqual(['resync gap', ...wholeLife]);
  stream.close();
});

test('a stream may begin while Redis is away, and says when it is back', async () => {
  await redis.kill();
  const stream = await EventClient.open(`${server.url}/events`);
  await redis.start();
  await stream.untilEvents(1);
  expect(told(stream)).toEqual(['resync gap']);
  stream.close();
});

test('a stop of the server ends streams at once, in good order', async () => {
  const streams = await Promise.all(
    Array.from({ length: 20 }, () => EventClient.open(`${server.url}/events`)),
  );
  // The server's grace time is a minute, which is longer than the test's own limit.
  await server.stop();
  expect(await Promise.all(streams.map((stream) => stream.over))).toEqual(streams.map(() => 'end'));
});

test('a batch of a thousand comes whole and in order to a hundred clients', async () => {
  const streams = await Promise.all(
    Array.from({ length: 100 }, () => EventClient.open(`${server.url}/events`)),
  );
  const commands = Array.from({ length: 1000 }, () => ({ type: 'DELAY', payload: { ms: 1 } }));
  const { body } = await api.post('/commands/batch', { commands });
  const { commandIds } = body as { commandIds: string[] };
  for (const stream of streams) {
    await stream.untilEvents(1000);
    expect(stream.events.map(({ data }) => (data as TransitionEvent).commandId)).toEqual(commandIds);
    stream.close();
  }
});

test('HEAD answers with the head, and holds nothing', async () => {
  expect(await api.send('HEAD', '/events')).toMatchObject({
    status: 200,
    headers: { 'content-type': 'text/event-stream' },
    body: '',
  });
});

test('pages of other sites get no stream', async () => {
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example' }]) {
    expect(await api.get('/events', { headers })).toMatchObject({
      status: 403,
      body: { code: 'forbidden_origin' },
    });
  }
  const own = await EventClient.open(`${server.url}/events`, { 'sec-fetch-site': 'same-origin' });
  expect(own.headers['content-type']).toBe('text/event-stream');
  own.close();
});

test('docs/reference/events.md has every reason for a resync, and no other', () => {
  const page = readFileSync(join(repositoryRoot, 'docs/reference/events.md'), 'utf8');
  const [, table = ''] = page.split('| `reason` | when |');
  const documented = [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, reason]) => reason);
  expect(documented.sort()).toEqual(Object.keys(resyncReasons).sort());
});
