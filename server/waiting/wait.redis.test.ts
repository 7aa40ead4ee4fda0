import { once } from 'node:events';
import { type Redis } from 'ioredis';
import { report, start } from '../../shared/lifecycle/transitions.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { TestRedis } from '../../shared/testing/redis-server.js';
import { Server } from '../server.js';
import { type TestAnswer, TestApi } from '../testing/test-api.js';
import { TransitionFeed, type Transition } from './transition-feed.js';

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
afterAll(async () => {
  await server.stop();
  await redis.stop();
});

async function submitOne(): Promise<string> {
  const { body } = await api.post('/commands', { type: 'DELAY', payload: { ms: 1 } });
  return (body as { commandId: string }).commandId;
}

const agent = { agentId: 'agent-1', session: 's.1' };

async function complete(id: string): Promise<void> {
  await start(client, keys, { ...agent, limit: 100, queues: ['default'], types: [], inHands: [] });
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

test('a command that is deleted while somebody waits is not found', async () => {
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

/** Watches Redis. @returns a promise that resolves when it is asked to read this command */
async function watchFor(id: string): Promise<{ readonly read: Promise<void> }> {
  const monitor = await redis.client().monitor();
  const read = new Promise<void>((seen) => {
    monitor.on('monitor', (_time: string, [command, key]: string[]) => {
      if (command === 'hgetall' && key === keys.command(id)) seen();
    });
  });
  return { read: read.finally(() => monitor.disconnect()) };
}

describe('the feed', () => {
  test('tells whoever listens, and of a gap after every break', async () => {
    const feed = new TransitionFeed({ url: redis.url, channel: keys.events, logger });
    const heard: Transition[] = [];
    let gap: () => void = () => undefined;
    const nextGap = () => new Promise<void>((told) => (gap = told));
    const stopListening = feed.listen('a', {
      onTransition: (transition) => heard.push(transition),
      onGap: () => gap(),
    });
    let subscribed = nextGap();
    await feed.start();
    await subscribed;
    const listener = redis.client();
    await listener.subscribe(keys.events);
    const say = async (message: string) => {
      const arrived = once(listener, 'message');
      await client.publish(keys.events, message);
      await arrived;
      await new Promise(setImmediate);
    };
    await say('b RUNNING 1\na RUNNING 2\na DONE 3\nnonsense\n\na FAILED x');
    subscribed = nextGap();
    await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await subscribed;
    await listener.subscribe(keys.events);
    await say('a COMPLETED 2');
    expect(heard).toEqual([
      { id: 'a', status: 'RUNNING', attempt: 2 },
      { id: 'a', status: 'COMPLETED', attempt: 2 },
    ]);
    stopListening();
    expect(feed.size).toBe(0);
    await feed.stop();
    await feed.stop();
  });
});
