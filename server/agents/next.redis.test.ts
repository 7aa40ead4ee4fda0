import { type Redis } from 'ioredis';
import { shownAs } from '../../shared/protocol/sessions.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { agentKey, partitionKeys } from '../../shared/store/keys.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { bodyOf, givenId, TestAgents } from '../testing/test-agents.js';
import { TestApi } from '../testing/test-api.js';

/** The commands that agents are given by `GET /commands/next`, called one by one and without waiting. */

const keys = partitionKeys();
const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
const leaseMs = 60_000;
let redis: TestRedis;
let client: Redis;
let servers: [Server, Server];
let api: TestApi;
let agents: TestAgents;
/** The same, through the other server. */
let elsewhere: TestAgents;

beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  const options = { host: '127.0.0.1', port: 0, leaseMs, graceMs: 1000, maxBacklog: 10_000, logger };
  const newServer = () => new Server({ ...options, redisUrl: redis.url });
  servers = [newServer(), newServer()];
  await Promise.all(servers.map((server) => server.start()));
  api = new TestApi(servers[0].url);
  agents = new TestAgents(api);
  elsewhere = new TestAgents(new TestApi(servers[1].url));
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.stop()));
  await redis.stop();
});
beforeEach(async () => {
  const meta = await client.hgetall('fencepost:meta');
  await client.flushall();
  await client.hset('fencepost:meta', meta);
});

async function submit(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const { body } = await api.post('/commands', { type: 'DELAY', payload: { ms: 1 }, ...more });
  return (body as { commandId: string }).commandId;
}

const nothing = { status: 204, body: '' };

test('starts the oldest command, and says all that its agent must know', async () => {
  const id = await submit({ timeoutMs: 500, onAgentLost: 'retry' });
  await submit();
  const answer = await agents.next({ agentId: 'a', session: 's' });
  expect(answer).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } });
  expect(answer.body).toEqual({
    commandId: id,
    type: 'DELAY',
    payload: { ms: 1 },
    attempt: 1,
    ticket: expect.stringMatching(/^default\/\d+-\d+$/) as string,
    queue: 'default',
    timeoutMs: 500,
    onAgentLost: 'retry',
    leaseMs,
    heldMs: expect.any(Number) as number,
  });
  expect((await api.get(`/commands/${id}`)).body).toMatchObject({ status: 'RUNNING', agentId: 'a' });
});

test('answers 204 when there is nothing', async () => {
  expect(await agents.next({ agentId: 'a' })).toMatchObject(nothing);
});

describe('a session', () => {
  test('is given again what it holds and does not list, the same attempt, by whichever server', async () => {
    const id = await submit();
    await submit();
    const first = await agents.next({ agentId: 'a', session: 's' });
    const again = await elsewhere.next({ agentId: 'a', session: 's' });
    expect(again.body).toEqual({ ...bodyOf(first), heldMs: expect.any(Number) as number });
    expect(givenId(again)).toBe(id);
  });

  test('is given nothing more while it lists as many as it may have', async () => {
    const id = await submit();
    await submit();
    await agents.next({ agentId: 'a', session: 's' });
    const query = { agentId: 'a', session: 's', holding: `${id}:1` };
    expect(await agents.next(query)).toMatchObject(nothing);
    expect(await agents.next({ ...query, concurrency: 1 })).toMatchObject(nothing);
  });

  test('is given one more per poll while it lists fewer', async () => {
    const ids = [await submit(), await submit(), await submit()];
    const given: string[] = [];
    for (let i = 0; i < 3; i++) {
      const holding = given.map((id) => `${id}:1`).join(',');
      given.push(givenId(await agents.next({ agentId: 'a', session: 's', concurrency: 2, holding })));
    }
    expect(given).toEqual([ids[0], ids[1], '']);
  });

  test('counts what was given and lost before anything new, without holding and with', async () => {
    const ids = [await submit(), await submit()];
    const query = { agentId: 'a', session: 's', concurrency: 2, holding: '' };
    expect(givenId(await agents.next(query))).toBe(ids[0]);
    expect(givenId(await agents.next(query))).toBe(ids[0]);
  });

  test('that lists an attempt which is over keeps a slot for it, and that is all', async () => {
    const [first, second] = [await submit(), await submit()];
    await agents.next({ agentId: 'a', session: 's' });
    await agents.complete(first, 'a', { session: 's', attempt: 1 });
    const query = { agentId: 'a', session: 's', holding: `${first}:1` };
    expect(await agents.next(query)).toMatchObject(nothing);
    expect(givenId(await agents.next({ ...query, concurrency: 2 }))).toBe(second);
  });

  test('with concurrency 0 is given again what was lost, and nothing new', async () => {
    const id = await submit();
    const query = { agentId: 'a', session: 's', concurrency: 0 };
    expect(await agents.next(query)).toMatchObject(nothing);
    await agents.next({ agentId: 'a', session: 's' });
    expect(givenId(await agents.next(query))).toBe(id);
  });

  test('that was replaced is over, also when it asks late and elsewhere', async () => {
    await submit();
    const second = await submit();
    await agents.next({ agentId: 'a', session: 's1' });
    expect(givenId(await agents.next({ agentId: 'a', session: 's2' }))).toBe(second);
    for (const server of [agents, elsewhere]) {
      const late = await server.next({ agentId: 'a', session: 's1' });
      expect(late).toMatchObject({ status: 409, body: { code: 'old_session' } });
    }
  });
});

describe('without a session', () => {
  test('works by hand, one command at a time', async () => {
    const [first, second] = [await submit(), await submit()];
    expect(givenId(await agents.next({ agentId: 'a' }))).toBe(first);
    expect(await agents.next({ agentId: 'a' })).toMatchObject(nothing);
    expect(await agents.complete(first, 'a')).toMatchObject({ status: 200 });
    expect(givenId(await agents.next({ agentId: 'a' }))).toBe(second);
  });

  test('nothing is given twice, and concurrency is counted where commands are started', async () => {
    await submit();
    await submit();
    const query = { agentId: 'a', concurrency: 2, holding: '' };
    const polls = await Promise.all([agents.next(query), elsewhere.next(query), agents.next(query)]);
    expect(polls.map(({ status }) => status).sort()).toEqual([200, 204, 204]);
  });

  test('is refused a name that a live agent holds', async () => {
    await agents.register('a', { session: 's' });
    expect(await agents.next({ agentId: 'a' })).toMatchObject({
      status: 409,
      body: { code: 'agent_name_taken' },
    });
  });
});

describe('an instance', () => {
  const first = { agentId: 'a', session: 'i1.1', instance: 'i1' };
  const second = { agentId: 'a', session: 'i1.2', instance: 'i1' };

  test.each([
    ['fail', 204, { status: 'FAILED', error: { code: 'AGENT_LOST', executed: 'unknown' } }],
    ['retry', 200, { status: 'RUNNING', attempt: 2, losses: 1 }],
  ])('that restarts settles at once what it left (%s)', async (onAgentLost, status, state) => {
    const id = await submit({ onAgentLost });
    // A name of its own: a server settles the past of a session once.
    const agentId = `a-${onAgentLost}`;
    await agents.next({ ...first, agentId });
    expect(await elsewhere.next({ ...second, agentId })).toMatchObject({ status });
    expect((await api.get(`/commands/${id}`)).body).toMatchObject(state);
  });

  test('that restarts and takes nothing new settles all the same', async () => {
    const id = await submit();
    await agents.next(first);
    expect(await agents.next({ ...second, concurrency: 0 })).toMatchObject(nothing);
    expect((await api.get(`/commands/${id}`)).body).toMatchObject({ status: 'FAILED' });
  });

  test('is over for its earlier run, whose poll arrives late and settles nothing', async () => {
    const id = await submit();
    await agents.next(first);
    await agents.next({ ...second, concurrency: 0 });
    const other = await submit();
    expect(givenId(await agents.next(second))).toBe(other);
    const late = await elsewhere.next(first);
    expect(late).toMatchObject({ status: 409, body: { code: 'old_session' } });
    expect((await api.get(`/commands/${other}`)).body).toMatchObject({ status: 'RUNNING' });
    expect((await api.get(`/commands/${id}`)).body).toMatchObject({ status: 'FAILED' });
  });

  test('holds its name against every other, and the refusal names it', async () => {
    await agents.next(first);
    for (const query of [
      { agentId: 'a', session: 'i2.7', instance: 'i2' },
      { agentId: 'a', session: 's' },
      { agentId: 'a' },
    ]) {
      const refused = await elsewhere.next(query);
      expect(refused).toMatchObject({
        status: 409,
        body: {
          code: 'agent_name_taken',
          holder: { instance: shownAs('i1'), leaseLeftMs: expect.any(Number) as number },
        },
      });
    }
  });

  test('leaves its name to another once it was silent for its lease, and its commands to theirs', async () => {
    const id = await submit();
    await agents.next(first);
    await client.hincrby(agentKey('a'), 'lastSeen', -leaseMs);
    expect(await agents.next({ agentId: 'a', session: 'i2.1', instance: 'i2' })).toMatchObject(nothing);
    expect((await api.get(`/commands/${id}`)).body).toMatchObject({ status: 'RUNNING' });
    expect(await agents.next(first)).toMatchObject({ status: 409, body: { code: 'agent_name_taken' } });
  });

  test('need not be said again by a session that registered with it', async () => {
    await agents.register('a', { session: 'i1.1', instance: 'i1', host: 'h', queues: ['q'] });
    const id = await submit({ queue: 'q' });
    expect(givenId(await agents.next({ agentId: 'a', session: 'i1.1' }))).toBe(id);
  });

  test('that polled before it registered is still the same one', async () => {
    await agents.next(first);
    const { instance, session } = first;
    expect(await agents.register('a', { session, instance, host: 'box-1' })).toMatchObject({ status: 200 });
    expect(await agents.next(first)).toMatchObject(nothing);
    expect(await client.hget(agentKey('a'), 'host')).toBe('box-1');
  });
});

describe('queues and types', () => {
  test('are those that the agent registered with, unless it names others', async () => {
    const [low, high] = [await submit({ queue: 'low' }), await submit({ queue: 'high' })];
    const other = await submit({ queue: 'other' });
    await agents.register('a', { session: 's', queues: ['high', 'low'] });
    const given: string[] = [];
    for (const more of [{}, {}, { queues: 'other' }]) {
      const holding = given.map((id) => `${id}:1`).join(',');
      const query = { agentId: 'a', session: 's', concurrency: 5, holding, ...more };
      given.push(givenId(await agents.next(query)));
    }
    expect(given).toEqual([high, low, other]);
  });

  test('a command whose type it does not know waits for an agent that does', async () => {
    const id = await submit();
    expect(await agents.next({ agentId: 'a', session: 's', types: 'RESIZE' })).toMatchObject(nothing);
    expect((await api.get(`/commands/${id}`)).body).toMatchObject({
      status: 'PENDING',
      waitingFor: 'capable-agent',
    });
  });
});

test.each([
  ['', 'agentId'],
  ['agentId=~recovery', 'agentId'],
  ['agentId=a&session=a:b', 'session'],
  ['agentId=a&session=s&instance=i1', 'session'],
  ['agentId=a&instance=i1', 'session'],
  ['agentId=a&concurrency=x', 'concurrency'],
  ['agentId=a&holding=x', 'holding[0]'],
  ['agentId=a&wait=61', 'wait'],
  ['agentId=a&queues=a,,b', 'queues[1]'],
  ['agentId=a&agentid=b', 'agentid'],
  ['agentId=a&agentId=b', 'agentId'],
])('refuses ?%s and names %s', async (query, field) => {
  const answer = await api.get(`/commands/next?${query}`);
  expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ field }] } });
});

test('a command with a corrupted payload is started all the same, so that it can be reported', async () => {
  const id = await submit();
  await client.hset(keys.command(id), 'payload', '{');
  expect(bodyOf(await agents.next({ agentId: 'a' }))).toMatchObject({ commandId: id, payload: null });
});
