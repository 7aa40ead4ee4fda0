import { type Redis } from 'ioredis';
import { type QueueView, queueListSchema, queueViewSchema } from '../../shared/protocol/api.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { bodyOf, givenId, TestAgents } from '../testing/test-agents.js';
import { TestApi } from '../testing/test-api.js';

const keys = partitionKeys();
const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
let redis: TestRedis;
let client: Redis;
let server: Server;
let api: TestApi;
let agents: TestAgents;
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  const options = { host: '127.0.0.1', port: 0, leaseMs: 15_000, graceMs: 1000, maxBacklog: 10_000, logger };
  server = new Server({ ...options, redisUrl: redis.url });
  await server.start();
  api = new TestApi(server.url);
  agents = new TestAgents(api);
});
beforeEach(() => client.flushall());
afterAll(async () => {
  await server.stop();
  await redis.stop();
});

async function submitTo(queue: string, more: object = {}): Promise<string> {
  const { body } = await api.post('/commands', { type: 'DELAY', payload: { ms: 1 }, queue, ...more });
  return (body as { commandId: string }).commandId;
}

async function change(what: 'pause' | 'resume', queue: string): Promise<QueueView> {
  const { status, body } = await api.send('POST', `/queues/${queue}/${what}`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return queueViewSchema.parse(body);
}

const listed = async () => queueListSchema.parse((await api.get('/queues')).body).queues;
const poll = async (agentId: string, queues: string, more: object = {}) =>
  givenId(await agents.next({ agentId, queues, ...more }));

test('a queue that is paused gives nothing, says so, and gives again when it is resumed', async () => {
  const id = await submitTo('mail');
  const view = await change('pause', 'mail');
  expect(view).toMatchObject({ queue: 'mail', length: 1, pending: 0, paused: true });
  expect(await change('pause', 'mail')).toMatchObject({ pausedAt: view.pausedAt });
  expect(await listed()).toMatchObject([{ queue: 'mail', length: 1, paused: true, pausedAt: view.pausedAt }]);
  expect(await poll('x', 'mail')).toBe('');
  const waits = { commandId: id, status: 'PENDING', waitingFor: 'queue-paused' };
  expect((await api.get(`/commands/${id}`)).body).toMatchObject(waits);
  expect((await api.get('/commands?queue=mail')).body).toMatchObject({ commands: [waits] });
  for (let i = 0; i < 2; i++) {
    expect(await change('resume', 'mail')).toMatchObject({ paused: false, pausedAt: null, length: 1 });
  }
  expect(await poll('x', 'mail')).toBe(id);
});

test('the other queues of an agent go on', async () => {
  await submitTo('urgent');
  const id = await submitTo('bulk');
  await change('pause', 'urgent');
  expect(await poll('x', 'urgent,bulk')).toBe(id);
});

test('what runs is renewed and reported as ever', async () => {
  const id = await submitTo('mail');
  const session = 's1';
  expect(await poll('x', 'mail', { session })).toBe(id);
  await change('pause', 'mail');
  expect(await poll('x', 'mail', { session })).toBe(id);
  const held = [{ commandId: id, attempt: 1 }];
  expect(bodyOf(await agents.renew({ agentId: 'x', session, held }))).toEqual({ lost: [], cancelled: [] });
  expect((await agents.complete(id, 'x', { session })).status).toBe(200);
  expect((await api.get(`/commands/${id}`)).body).toMatchObject({ status: 'COMPLETED', attempt: 1 });
});

test('a queue that was never used can be paused beforehand: its first command waits', async () => {
  expect(await change('pause', 'new')).toEqual({
    queue: 'new',
    length: 0,
    pending: 0,
    oldestWaitingMs: null,
    consumers: 0,
    paused: true,
    pausedAt: expect.any(String) as string,
  });
  const id = await submitTo('new');
  expect(await poll('x', 'new')).toBe('');
  await change('resume', 'new');
  expect(await poll('x', 'new')).toBe(id);
});

test('what expires while its queue is paused ends', async () => {
  const id = await submitTo('mail', { ttlMs: 1 });
  await change('pause', 'mail');
  const { body } = await api.get(`/commands/${id}?wait=30`);
  expect(body).toMatchObject({ status: 'FAILED', error: { code: 'EXPIRED', executed: 'no' } });
});

test('a poll that waits is not woken for it, and is answered when it is resumed', async () => {
  await change('pause', 'mail');
  const waiting = poll('x', 'mail', { wait: 60 });
  const id = await submitTo('mail');
  // Hints come in their order: when this one has woken its poll, the other would have had its turn.
  const other = poll('y', 'other', { wait: 60 });
  await submitTo('other');
  expect(await other).not.toBe('');
  expect(await client.hget(keys.command(id), 'status')).toBe('PENDING');
  await change('resume', 'mail');
  expect(await waiting).toBe(id);
});

test.each(['pause', 'resume'])('%s: no queue can have a malformed name', async (what) => {
  for (const name of ['a:6', '-a', 'a%2Fb', 'x'.repeat(65)]) {
    expect((await api.send('POST', `/queues/${name}/${what}`)).status).toBe(404);
  }
  expect(await listed()).toEqual([]);
});

test.each(['pause', 'resume'])('%s is refused to other sites, and to GET', async (what) => {
  const headers = { 'sec-fetch-site': 'cross-site' };
  expect((await api.send('POST', `/queues/a/${what}`, { headers })).status).toBe(403);
  expect((await api.get(`/queues/a/${what}`)).status).toBe(405);
});

test('a key of another type in the way is replaced by a pause, and pauses nothing before', async () => {
  const id = await submitTo('mail');
  await client.set(keys.paused, 'x');
  expect(await listed()).toMatchObject([{ queue: 'mail', paused: false }]);
  await change('pause', 'mail');
  expect(await poll('x', 'mail')).toBe('');
  await client.set(keys.paused, 'x');
  expect(await poll('x', 'mail')).toBe(id);
});

// A property that every object has in JavaScript is a legal name, and must not be taken for an entry of a table.
test.each(['constructor', 'toString', 'hasOwnProperty', 'valueOf'])(
  'the name %s is one like any other: of a queue, an agent and a type',
  async (name) => {
    const id = await submitTo(name);
    expect(await listed()).toMatchObject([{ queue: name, length: 1, paused: false, pausedAt: null }]);
    expect(await change('resume', name)).toMatchObject({ paused: false, pausedAt: null });
    const registered = {
      session: 'i.1',
      instance: 'i',
      queues: [`${name}:2`, 'b:1'],
      types: [name, 'DELAY'],
    };
    expect((await agents.register(name, registered)).status).toBe(200);
    expect((await api.get('/agents')).body).toMatchObject({
      agents: [{ agentId: name, weights: { [name]: 2, b: 1 }, running: 0 }],
    });
    const unknown = { type: name, payload: {} };
    expect(await api.post('/commands', unknown)).toMatchObject({ body: { code: 'unknown_type' } });
    expect(await poll(name, name, { session: 'i.1' })).toBe(id);
    await change('pause', name);
    expect((await api.get('/agents')).body).toMatchObject({ agents: [{ running: 1 }] });
    expect(String((await api.get('/metrics')).body)).toContain(`fencepost_queue_entries{queue="${name}"} 1`);
  },
);

describe('weights', () => {
  const first = async (query: Readonly<Record<string, string>>) => {
    const answer = await agents.next({ agentId: 'w', ...query });
    const { commandId, queue } = bodyOf(answer);
    await agents.complete(String(commandId), 'w', query.session ? { session: query.session } : {});
    return String(queue);
  };
  /** How many of the next starts come from each of the queues, which never run dry. */
  async function startsOf(query: Readonly<Record<string, string>>, count: number) {
    const starts: Record<string, number> = { a: 0, b: 0 };
    for (let i = 0; i < count; i++) {
      const queue = await first(query);
      starts[queue] = (starts[queue] ?? 0) + 1;
    }
    return starts;
  }
  const fill = (count: number) =>
    Promise.all(['a', 'b'].flatMap((queue) => Array.from({ length: count }, () => submitTo(queue))));

  test('of a registration decide what a poll is given, and no queue starves', async () => {
    await fill(60);
    const register = { session: 'i.1', instance: 'i', queues: ['a:1000', 'b:1'] };
    expect((await agents.register('w', register)).status).toBe(200);
    expect((await api.get('/agents')).body).toMatchObject({
      agents: [{ queues: ['a', 'b'], weights: { a: 1000, b: 1 } }],
    });
    // Were it strict or the other way round, or the weights lost: one of 60 would come from b with a
    // probability of 6 %, ten of them with one of 10^-20.
    expect((await startsOf({ session: 'i.1' }, 60)).a).toBeGreaterThan(50);
  });

  test('in the query go before those, and without weights the order is strict', async () => {
    await fill(30);
    await agents.register('w', { session: 'i.1', instance: 'i', queues: ['a:1000', 'b:1'] });
    expect((await startsOf({ session: 'i.1', queues: 'a:1,b:1000' }, 20)).b).toBeGreaterThan(10);
    expect(await startsOf({ session: 'i.1', queues: 'a,b' }, 20)).toEqual({ a: 20, b: 0 });
  });

  test('are gone when the agent registers without them', async () => {
    await fill(20);
    await agents.register('w', { session: 'i.1', instance: 'i', queues: ['b:1000', 'a:1'] });
    await agents.register('w', { session: 'i.2', instance: 'i', queues: ['a', 'b'] });
    expect((await api.get('/agents')).body).toMatchObject({ agents: [{ weights: null }] });
    expect(await startsOf({ session: 'i.2' }, 20)).toEqual({ a: 20, b: 0 });
  });

  test.each([
    ['a:0', 'queues[0]', 'the weight of a must be a whole number from 1 to 1000'],
    ['a,b:x', 'queues[1]', 'the weight of b must be a whole number from 1 to 1000'],
    ['a:1,b', 'queues', 'gives a weight to some queues and none to b: give one to each, or to none'],
    ['a:1,a:2', 'queues', 'names a queue twice'],
  ])('that make no sense (%s) are refused, in the query and in the body', async (queues, field, message) => {
    const query = await agents.next({ agentId: 'w', queues });
    const body = await agents.register('w', { session: 's', queues: queues.split(',') });
    for (const answer of [query, body]) {
      expect(answer).toMatchObject({ status: 400 });
      expect(bodyOf(answer).errors).toContainEqual({ field, message });
    }
  });
});
