import { type Redis } from 'ioredis';
import { report, start } from '../../shared/lifecycle/transitions.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { byExtent } from '../../testing/extent.js';
import { RedisMonitor } from '../../testing/redis-monitor.js';
import { requestOf, TcpProxy } from '../../testing/tcp-proxy.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { type TestAnswer, TestApi } from '../testing/test-api.js';
import { TransitionFeed, type Transition } from '../events/transition-feed.js';

const keys = partitionKeys();
const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
let redis: TestRedis;
let client: Redis;
let server: Server;
let api: TestApi;
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  server = await startServer();
  api = new TestApi(server.url);
});
afterAll(async () => {
  await server.stop();
  await redis.stop();
});

async function startServer(): Promise<Server> {
  const options = { host: '127.0.0.1', port: 0, leaseMs: 15_000, graceMs: 1000, maxBacklog: 10_000, logger };
  const started = new Server({ ...options, redisUrl: redis.url });
  await started.start();
  return started;
}

async function submitOne(): Promise<string> {
  const { body } = await api.post('/commands', { type: 'DELAY', payload: { ms: 1 } });
  return (body as { commandId: string }).commandId;
}

const agent = { agentId: 'agent-1', session: 's.1' };

async function complete(id: string): Promise<void> {
  await start(client, keys, { ...agent, limit: 100, queues: ['default'], types: [], inFlight: [] });
  const outcome = { status: 'COMPLETED', result: '{"ok":true,"tookMs":1}' } as const;
  expect(await report(client, keys, [{ id, ...agent, attempt: 1, outcome }])).toEqual(['accepted']);
}

test('holds the answer until the command has ended', async () => {
  const id = await submitOne();
  const answers: TestAnswer[] = [];
  const watch = await watchFor(id);
  const waiting = api.get(`/commands/${id}?wait=60`).then((answer) => answers.push(answer));
  // The server reads the command before it waits.
  await watch.read;
  expect(answers).toEqual([]);
  await complete(id);
  await waiting;
  expect(answers).toMatchObject([
    {
      status: 200,
      body: { status: 'COMPLETED', result: { ok: true, tookMs: 1 }, attempt: 1, agentId: 'agent-1' },
    },
  ]);
});

test('answers at once what has ended, and what does not exist', async () => {
  const id = await submitOne();
  await complete(id);
  expect(await api.get(`/commands/${id.toUpperCase()}?wait=60`)).toMatchObject({
    body: { commandId: id, status: 'COMPLETED' },
  });
  expect((await api.get('/commands/00000000-0000-7000-8000-000000000000?wait=60')).status).toBe(404);
});

test('a command that is deleted while a client waits is not found', async () => {
  const id = await submitOne();
  const watch = await watchFor(id);
  const waiting = api.get(`/commands/${id}?wait=60`);
  await watch.read;
  await client.del(keys.command(id));
  expect((await waiting).status).toBe(404);
});

test('a client that went away is let go', async () => {
  const id = await submitOne();
  const gone = new AbortController();
  const watch = await watchFor(id);
  const waiting = api.get(`/commands/${id}?wait=60`, { signal: gone.signal });
  await watch.read;
  gone.abort();
  await expect(waiting).rejects.toThrow();
  // If it still waited, the stop would hold until the grace time is over, and the next test fail.
});

test('a command that was submitted at one server may be waited for at another', async () => {
  const other = await startServer();
  const id = await submitOne();
  const watch = await watchFor(id);
  const waiting = new TestApi(other.url).get(`/commands/${id}?wait=60`);
  await watch.read;
  await complete(id);
  expect(await waiting).toMatchObject({ status: 200, body: { status: 'COMPLETED' } });
  await other.stop();
});

test('what ended while the connections were cut is found when they are back', async () => {
  const id = await submitOne();
  const watch = await watchFor(id);
  const waiting = api.get(`/commands/${id}?wait=60`);
  await watch.read;
  // One transaction, so that no server is connected that could be notified; it is over before any can reconnect.
  const kills = ['pubsub', 'normal'].map((type) => ['client', 'kill', 'type', type, 'skipme', 'yes']);
  const hash = keys.command(id);
  await client
    .multi([...kills, ['hset', hash, 'status', 'COMPLETED', 'result', '{"ok":true,"tookMs":1}']])
    .exec();
  expect(await waiting).toMatchObject({ status: 200, body: { status: 'COMPLETED' } });
});

test('a restart of Redis ends no wait', async () => {
  const id = await submitOne();
  const watch = await watchFor(id);
  const waiting = api.get(`/commands/${id}?wait=60`);
  await watch.read;
  await redis.kill();
  await redis.start();
  await complete(id);
  expect(await waiting).toMatchObject({ status: 200, body: { status: 'COMPLETED' } });
});

test('a server that stops answers waiting clients at once', async () => {
  const other = await startServer();
  const id = await submitOne();
  const watch = await watchFor(id);
  const waiting = new TestApi(other.url).get(`/commands/${id}?wait=60`);
  await watch.read;
  await other.stop();
  expect(await waiting).toMatchObject({ status: 200, body: { commandId: id, status: 'PENDING' } });
});

const crowd = byExtent(1000, 200);
test(`${crowd} clients wait on one subscription, and each is answered`, async () => {
  const other = await startServer();
  const ids = await Promise.all(Array.from({ length: 50 }, submitOne));
  const { read } = await watchFor(ids, crowd);
  const waiting = Array.from({ length: crowd }, (_, i) =>
    new TestApi(other.url).get(`/commands/${ids[i % 50]}?wait=60`),
  );
  await read;
  // Each of the two servers has one.
  expect(
    String(await client.client('LIST', 'TYPE', 'PUBSUB'))
      .trim()
      .split('\n'),
  ).toHaveLength(2);
  for (const id of ids) await complete(id);
  const answers = await Promise.all(waiting);
  expect(answers.filter(({ body }) => (body as { status: string }).status !== 'COMPLETED')).toEqual([]);
  await other.stop();
});

interface Watch {
  readonly read: Promise<void>;
}

/** @returns a promise that resolves when any of these commands were read from Redis so often in all */
async function watchFor(id: string | readonly string[], times = 1): Promise<Watch> {
  const watched = new Set([id].flat().map((one) => keys.command(one)));
  return watchRequests(times, ([command, key]) => command === 'hgetall' && watched.has(key ?? ''));
}

/** Watches Redis. @returns a promise that resolves when so many requests matched */
async function watchRequests(
  times: number,
  matches: (request: readonly string[]) => boolean,
): Promise<Watch> {
  let count = 0;
  let enough: () => void = () => undefined;
  const all = new Promise<void>((resolve) => (enough = resolve));
  const monitor = await RedisMonitor.start(redis.socket, (request) => {
    if (matches(request) && ++count === times) enough();
  });
  return { read: all.finally(() => monitor.stop()) };
}

describe('the feed', () => {
  test('notifies its listeners, also of a gap after every break', async () => {
    const feed = new TransitionFeed({ url: redis.url, logger });
    const heard: Transition[] = [];
    let gap: () => void = () => undefined;
    let news: () => void = () => undefined;
    const nextGap = () => new Promise<void>((told) => (gap = told));
    const stopListening = feed.listen('a', {
      onTransition: (transition) => {
        heard.push(transition);
        news();
      },
      onGap: () => gap(),
    });
    let subscribed = nextGap();
    await feed.start();
    await subscribed;
    /** Publishes a message. Resolves once so many transitions were received in all. */
    const say = async (message: string, inAll: number) => {
      await client.publish(keys.events, message);
      while (heard.length < inAll) await new Promise<void>((told) => (news = told));
    };
    await say(
      'b RUNNING 1\na RUNNING 2\na RUNNING 2 {"of":"two words"}\na RUNNING 2 {\na DONE 3\nnonsense\n\na FAILED x',
      2,
    );
    subscribed = nextGap();
    await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await subscribed;
    await say('a COMPLETED 2', 3);
    expect(heard).toEqual([
      { id: 'a', status: 'RUNNING', attempt: 2, progress: null },
      { id: 'a', status: 'RUNNING', attempt: 2, progress: { of: 'two words' } },
      { id: 'a', status: 'COMPLETED', attempt: 2, progress: null },
    ]);
    stopListening();
    expect(feed.size).toBe(0);
    await feed.stop();
    await feed.stop();
  });

  test('notices a link that died in silence, and leaves one alone that is only quiet', async () => {
    const proxy = await TcpProxy.start({ path: redis.socket });
    const feed = new TransitionFeed({ url: proxy.url, logger, probeMs: 20 });
    let gaps = 0;
    let gap: () => void = () => undefined;
    const nextGap = () => new Promise<void>((told) => (gap = told));
    const onGap = () => {
      gaps++;
      gap();
    };
    const stopListening = feed.listen('a', { onTransition: () => undefined, onGap });
    const subscribed = nextGap();
    await feed.start();
    await subscribed;
    await (
      await watchRequests(5, ([command]) => command === 'subscribe')
    ).read;
    expect(gaps).toBe(1);
    const again = nextGap();
    // The connection stays open, but the next request and everything behind it no longer arrive.
    await proxy.holdNext(requestOf('SUBSCRIBE')).held;
    await again;
    expect(gaps).toBe(2);
    stopListening();
    await feed.stop();
    await proxy.stop();
  });
});
