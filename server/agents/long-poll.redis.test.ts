import { type Redis } from 'ioredis';
import { createLogger } from '../../shared/runtime/logger.js';
import { agentKey, partitionKeys } from '../../shared/store/keys.js';
import { RedisMonitor } from '../../testing/redis-monitor.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { givenId, TestAgents } from '../testing/test-agents.js';
import { type TestAnswer, TestApi } from '../testing/test-api.js';

/** Polls that are held until there is a command. */

const keys = partitionKeys();
const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
const leaseMs = 60_000;
let redis: TestRedis;
let client: Redis;
let monitor: RedisMonitor;
const lookers = new Set<(request: readonly string[]) => void>();
let servers: Server[];
let api: TestApi;
let agents: TestAgents;
let elsewhere: TestAgents;

beforeEach(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  monitor = await RedisMonitor.start(redis.socket, (request) => {
    for (const look of lookers) look(request);
  });
  const options = { host: '127.0.0.1', port: 0, leaseMs, graceMs: 1000, maxBacklog: 10_000, logger };
  servers = [0, 1].map(() => new Server({ ...options, redisUrl: redis.url }));
  await Promise.all(servers.map((server) => server.start()));
  const [here, there] = servers.map((server) => new TestApi(server.url)) as [TestApi, TestApi];
  api = here;
  agents = new TestAgents(here);
  elsewhere = new TestAgents(there);
});
afterEach(async () => {
  monitor.stop();
  await Promise.all(servers.map((server) => server.stop()));
  await redis.stop();
});

async function submit(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const { body } = await api.post('/commands', { type: 'DELAY', payload: { ms: 1 }, ...more });
  return (body as { commandId: string }).commandId;
}

/** Polls, and resolves when the server has looked in vain and holds the answer. */
async function held(
  through: TestAgents,
  query: Readonly<Record<string, string | number>>,
  signal?: AbortSignal,
): Promise<{ readonly answer: Promise<TestAnswer> }> {
  const looked = nextStart(String(query.agentId));
  const answer = through.next({ wait: 60, ...query }, signal ? { signal } : {});
  answer.catch(() => undefined);
  await looked;
  return { answer };
}

/** Resolves when `start` was called for this agent: seen by Redis, where it is one step. */
function nextStart(agentId: string): Promise<void> {
  return new Promise((seen) => {
    const look = ([name = '', ...args]: readonly string[]) => {
      // Only this script takes a list of queues behind the limit.
      if (!name.startsWith('eval') || args[3] !== agentId || args.length < 9) return;
      lookers.delete(look);
      seen();
    };
    lookers.add(look);
  });
}

test('an idle agent learns of a new command at once, whichever server it asks', async () => {
  for (const server of [agents, elsewhere]) {
    const { answer } = await held(server, { agentId: 'a' });
    const id = await submit();
    expect(givenId(await answer)).toBe(id);
    await agents.complete(id, 'a');
  }
});

test('each of several commands wakes one poll, in the order in which they came', async () => {
  const polls: Promise<TestAnswer>[] = [];
  for (const agentId of ['a', 'b', 'c']) polls.push((await held(agents, { agentId })).answer);
  const ids = [await submit(), await submit(), await submit()];
  expect((await Promise.all(polls)).map(givenId)).toEqual(ids);
});

test('a batch wakes as many as there are commands', async () => {
  const polls: Promise<TestAnswer>[] = [];
  for (const agentId of ['a', 'b', 'c']) polls.push((await held(agents, { agentId })).answer);
  const command = { type: 'DELAY', payload: { ms: 1 } };
  const { body } = await api.post('/commands/batch', { commands: [command, command, command] });
  const given = (await Promise.all(polls)).map(givenId);
  expect(given.sort()).toEqual((body as { commandIds: string[] }).commandIds.sort());
});

test('a command wakes only agents of its queue, and one that knows its type first', async () => {
  const other = await held(agents, { agentId: 'other', queues: 'other' });
  const stranger = await held(agents, { agentId: 'stranger', types: 'RESIZE' });
  const fit = await held(agents, { agentId: 'fit', types: 'DELAY' });
  const id = await submit();
  expect(givenId(await fit.answer)).toBe(id);
  const second = await submit({ queue: 'other' });
  expect(givenId(await other.answer)).toBe(second);
  await agents.register('stranger', { session: 's' });
  servers[0]?.stop().catch(() => undefined);
  expect(await stranger.answer).toMatchObject({ status: 204 });
});

test('a command whose time has come wakes a poll', async () => {
  const { answer } = await held(agents, { agentId: 'a' });
  const id = await submit({ delayMs: 100 });
  expect(givenId(await answer)).toBe(id);
});

test('a client that went away is given nothing, and the one after it is woken', async () => {
  const gone = new AbortController();
  const lost = await held(agents, { agentId: 'gone' }, gone.signal);
  const { answer } = await held(agents, { agentId: 'there' });
  gone.abort();
  await expect(lost.answer).rejects.toThrow();
  const id = await submit();
  expect(givenId(await answer)).toBe(id);
  expect((await api.get(`/commands/${id}`)).body).toMatchObject({ agentId: 'there', attempt: 1 });
});

test('a poll ends an older one of its session, whose client may be gone without a sign', async () => {
  const older = await held(agents, { agentId: 'a', session: 's' });
  const newer = await held(agents, { agentId: 'a', session: 's' });
  expect(await older.answer).toMatchObject({ status: 204 });
  const id = await submit();
  expect(givenId(await newer.answer)).toBe(id);
});

test('a poll that is full by its own account wakes for nothing, and one that is full unsaid passes on', async () => {
  const first = await submit();
  expect(givenId(await agents.next({ agentId: 'busy' }))).toBe(first);
  const full = await held(agents, { agentId: 'busy' });
  const { answer } = await held(agents, { agentId: 'free' });
  const second = await submit();
  expect(givenId(await answer)).toBe(second);
  await agents.complete(first, 'busy');
  const third = await submit();
  expect(givenId(await full.answer)).toBe(third);
});

test('a hint that was lost is made up for by a look', async () => {
  const { answer } = await held(agents, { agentId: 'a' });
  await client.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  const id = await submit();
  expect(givenId(await answer)).toBe(id);
});

test('answers 204 when the time is up', async () => {
  expect(await agents.next({ agentId: 'a', wait: 1 })).toMatchObject({ status: 204 });
});

test('ends early with 204 when the server stops', async () => {
  const { answer } = await held(agents, { agentId: 'a' });
  await servers[0]?.stop();
  expect(await answer).toMatchObject({ status: 204 });
});

test('ends early when its agent is drained, leaves, or takes nothing more', async () => {
  const session = { agentId: 'a', session: 's' };
  for (const end of [
    () => agents.next({ ...session, concurrency: 0 }),
    () => agents.drain('a'),
    () => agents.leave('a', 's'),
  ]) {
    await agents.leave('a', 's');
    await agents.register('a', { session: 's' });
    const { answer } = await held(agents, session);
    await end();
    expect(await answer).toMatchObject({ status: 204 });
  }
});

test('is over when a newer run of its agent takes its name meanwhile', async () => {
  const first = { agentId: 'a', session: 'i1.1', instance: 'i1' };
  const { answer } = await held(agents, first);
  await elsewhere.next({ ...first, session: 'i1.2' });
  await submit();
  expect(await answer).toMatchObject({ status: 409, body: { code: 'old_session' } });
});

test('what a server started and could not answer is given again by another, and never handed back', async () => {
  const gone = new AbortController();
  const lost = await held(agents, { agentId: 'a', session: 's' }, gone.signal);
  // The answer is lost in the moment in which the command is started for it.
  const started = nextStart('a').then(() => gone.abort());
  const id = await submit();
  await started;
  await Promise.allSettled([lost.answer]);
  const again = await elsewhere.next({ agentId: 'a', session: 's', wait: 5 });
  expect(again).toMatchObject({ status: 200, body: { commandId: id, attempt: 1 } });
  expect((await api.get(`/commands/${id}`)).body).toMatchObject({ status: 'RUNNING', attempt: 1 });
});

test('an agent that waits keeps its name', async () => {
  await agents.register('a', { session: 's' });
  await client.hset(agentKey('a'), 'lastSeen', 1);
  await held(agents, { agentId: 'a', session: 's' });
  expect(Number(await client.hget(agentKey('a'), 'lastSeen'))).toBeGreaterThan(1);
});

test('waits hold up neither Redis nor each other: as many commands as agents, in one batch', async () => {
  // More at each server than one look wakes.
  const count = 250;
  const polls = Array.from({ length: count }, (_, i) =>
    (i % 2 === 0 ? agents : elsewhere).next({ agentId: `a${i}`, wait: 60 }),
  );
  const commands = Array.from({ length: count }, () => ({ type: 'DELAY', payload: { ms: 1 } }));
  await api.post('/commands/batch', { commands });
  const given = (await Promise.all(polls)).map(givenId);
  expect(new Set(given).size).toBe(count);
  expect(await client.xlen(keys.stream('default'))).toBe(count);
});
