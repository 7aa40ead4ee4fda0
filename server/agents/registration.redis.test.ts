import { type Redis } from 'ioredis';
import { createLogger } from '../../shared/runtime/logger.js';
import { announcedBy } from '../../shared/lifecycle/registration.js';
import { typeListSchema } from '../../shared/protocol/api.js';
import { fieldOfType } from '../../shared/protocol/type-digest.js';
import { shownAs } from '../../shared/protocol/sessions.js';
import { agentKey, typesKey } from '../../shared/store/keys.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { givenId, TestAgents } from '../testing/test-agents.js';
import { TestApi } from '../testing/test-api.js';

/** Agents register, renew and announce themselves, deregister, and are drained. */

const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
const leaseMs = 60_000;
let redis: TestRedis;
let client: Redis;
let server: Server;
let api: TestApi;
let agents: TestAgents;

beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  const options = { host: '127.0.0.1', port: 0, leaseMs, graceMs: 1000, maxBacklog: 10_000, logger };
  server = new Server({ ...options, redisUrl: redis.url });
  await server.start();
  api = new TestApi(server.url);
  agents = new TestAgents(api);
});
afterAll(async () => {
  await server.stop();
  await redis.stop();
});
beforeEach(async () => {
  const meta = await client.hgetall('fencepost:meta');
  await client.flushall();
  await client.hset('fencepost:meta', meta);
});

const self = { session: 'i1.1', instance: 'i1', host: 'box-1', pid: 7 };
/** The public view of a registration: its secrets are shown as digests. */
const shownOf = ({ session, instance, ...open }: typeof self) => ({
  session: shownAs(session),
  instance: shownAs(instance),
  ...open,
});

test('an agent that registers is listed with what it says', async () => {
  const more = { queues: ['a', 'b'], types: ['DELAY'], concurrency: 3, version: '1.2.3' };
  const answer = await agents.register('agent-1', { ...self, ...more });
  expect(answer).toMatchObject({ status: 200, body: { agentId: 'agent-1', session: 'i1.1', leaseMs } });
  const { body } = await api.get('/agents');
  expect(body).toMatchObject({ agents: [{ agentId: 'agent-1', state: 'live', ...shownOf(self), ...more }] });
});

test('a session is enough', async () => {
  expect(await agents.register('agent-1', { session: 's' })).toMatchObject({ status: 200 });
  expect((await api.get('/agents')).body).toMatchObject({
    agents: [{ agentId: 'agent-1', session: shownAs('s'), state: 'live', queues: ['default'] }],
  });
});

test('the same call again is its heartbeat', async () => {
  await agents.register('agent-1', self);
  await client.hset(agentKey('agent-1'), 'lastSeen', 1);
  expect(await agents.register('agent-1', self)).toMatchObject({ status: 200 });
  expect((await api.get('/agents')).body).toMatchObject({ agents: [{ state: 'live' }] });
});

test.each([
  ['another instance', { session: 'i2.1', instance: 'i2' }],
  ['a copy of its data directory on another host', { ...self, session: 'i1.2', host: 'box-2' }],
  ['a session without an instance', { session: 's' }],
])('%s is refused the name of a live agent, and the refusal names its holder', async (_who, other) => {
  await agents.register('agent-1', self);
  const refused = await agents.register('agent-1', other);
  expect(refused).toMatchObject({
    status: 409,
    headers: { 'retry-after': '60' },
    body: { code: 'agent_name_taken', holder: { ...shownOf(self), pid: '7' } },
  });
  expect((refused.body as { detail: string }).detail).toContain('pid 7 on box-1');
});

test('an earlier run is over', async () => {
  await agents.register('agent-1', { ...self, session: 'i1.2' });
  expect(await agents.register('agent-1', self)).toMatchObject({
    status: 409,
    body: { code: 'old_session' },
  });
});

test('registering settles nothing: outcomes in the journal come first', async () => {
  await api.post('/commands', { type: 'DELAY', payload: { ms: 1 } });
  const id = givenId(await agents.next({ agentId: 'agent-1', session: 'i1.1', instance: 'i1' }));
  await agents.register('agent-1', { ...self, session: 'i1.2' });
  expect(await agents.complete(id, 'agent-1', { session: 'i1.1', attempt: 1 })).toMatchObject({
    status: 200,
  });
});

test('a poll is a sign of life, written well before the lease ends and not each time', async () => {
  await agents.register('agent-1', self);
  const lastSeen = () => client.hget(agentKey('agent-1'), 'lastSeen');
  const registered = await lastSeen();
  await agents.next({ agentId: 'agent-1', session: 'i1.1' });
  expect(await lastSeen()).toBe(registered);
  await client.hincrby(agentKey('agent-1'), 'lastSeen', -0.7 * leaseMs);
  await agents.next({ agentId: 'agent-1', session: 'i1.1' });
  expect(Number(await lastSeen())).toBeGreaterThanOrEqual(Number(registered));
  expect(await client.hget(agentKey('agent-1'), 'host')).toBe('box-1');
});

test('announces command types, which submissions are then checked by', async () => {
  const resize = {
    type: 'RESIZE',
    payload: { type: 'object', properties: { width: { type: 'integer' } }, required: ['width'] },
    result: {},
  };
  await agents.register('agent-1', { ...self, types: ['DELAY', resize] });
  expect((await api.get('/agents')).body).toMatchObject({ agents: [{ types: ['DELAY', 'RESIZE'] }] });
  expect(await api.post('/commands', { type: 'RESIZE', payload: { width: 'x' } })).toMatchObject({
    status: 400,
  });
  expect(await api.post('/commands', { type: 'RESIZE', payload: { width: 1 } })).toMatchObject({
    status: 202,
  });
});

describe('two agents that announce different versions of a type', () => {
  const resize = (...required: string[]) => ({ type: 'RESIZE', payload: { required }, result: {} });
  const resizeView = async () => {
    const { types } = typeListSchema.parse((await api.get('/types')).body);
    return types.find(({ type }) => type === 'RESIZE');
  };
  const submitted = async (payload: object) =>
    (await api.post('/commands', { type: 'RESIZE', payload })).status;

  test('are notified of it, shown, and a payload must fit both, until one of them leaves', async () => {
    const old = await agents.register('old', { session: 'o', types: [resize('width')] });
    expect(old.body).toMatchObject({ differing: [] });
    const next = await agents.register('next', { session: 'n', types: [resize('width', 'height')] });
    expect(next.body).toMatchObject({ differing: ['RESIZE'] });
    const versions = (await resizeView())?.conflict?.versions ?? [];
    expect(versions.map(({ agents }) => agents).sort()).toEqual([['next'], ['old']]);
    expect(versions.map(({ payload }) => payload)).toContainEqual({ required: ['width'] });
    expect(await submitted({ width: 1 })).toBe(400);
    expect(await submitted({ width: 1, height: 1 })).toBe(202);
    expect((await api.get('/metrics')).body).toContain('fencepost_command_type_conflicts 1\n');

    await agents.leave('old', 'o');
    expect(await resizeView()).toMatchObject({ conflict: null, payload: { required: ['width', 'height'] } });
    await agents.leave('next', 'n');
    expect(await resizeView()).toMatchObject({ conflict: null, payload: { required: ['width', 'height'] } });
    expect((await api.get('/metrics')).body).toContain('fencepost_command_type_conflicts 0\n');
  });

  test('are shown also when one has announced another of its types since, until it no longer names it', async () => {
    const mail = (...required: string[]) => ({ ...resize(...required), type: 'MAIL' });
    const versionOf = (said: ReturnType<typeof mail>) =>
      fieldOfType({ ...said, onAgentLost: 'fail', defaultTimeoutMs: null });
    const announced = () => client.hget(agentKey('old'), 'announced');
    await agents.register('old', { ...self, types: [mail('to'), resize('width')] });
    await agents.register('old', { ...self, types: [mail('to', 'from'), 'RESIZE'] });
    await agents.register('next', { session: 'n', types: [resize('height')] });
    expect((await resizeView())?.conflict).not.toBeNull();
    const versions = [resize('width'), mail('to', 'from')].map(versionOf);
    expect(await announced()).toBe(announcedBy('i1.1', versions));
    // A heartbeat leaves that alone.
    await agents.register('old', { ...self, types: ['MAIL', 'RESIZE'] });
    expect(await announced()).toBe(announcedBy('i1.1', versions));

    await agents.register('old', { ...self, types: ['MAIL', resize('height')] });
    expect((await resizeView())?.conflict).toBeNull();
    await agents.register('old', { ...self, types: [resize('width')] });
    expect(await announced()).toBe(announcedBy('i1.1', versions.slice(0, 1)));
  });

  test('are no longer at odds once one was lost, or began anew with the other’s', async () => {
    await agents.register('old', { ...self, types: [resize('width')] });
    await agents.register('next', { session: 'n', types: [resize('height')] });
    await client.hset(agentKey('old'), 'lastSeen', 1);
    expect(await resizeView()).toMatchObject({ conflict: null, payload: { required: ['height'] } });
    await agents.register('old', { ...self, types: ['RESIZE'] });
    expect((await resizeView())?.conflict).not.toBeNull();
    // A heartbeat of another session does not report which versions it knows.
    await agents.register('old', { ...self, session: 'i1.2', types: ['RESIZE'] });
    expect((await resizeView())?.conflict).toBeNull();
    await agents.register('old', { ...self, session: 'i1.2', types: [resize('height')] });
    expect((await resizeView())?.conflict).toBeNull();
  });
});

test('a type whose agents have left is known for seven days: its commands wait, and say for what', async () => {
  const resize = { type: 'RESIZE', payload: { required: ['width'] }, result: {} };
  await agents.register('agent-1', { ...self, types: [resize] });
  await agents.register('agent-2', { session: 's', types: ['DELAY'] });
  await agents.leave('agent-1', 'i1.1');
  // The server's catalog may be a second old.
  await api.get('/types');
  const answer = await api.post('/commands', { type: 'RESIZE', payload: { width: 1 } });
  expect(answer.status).toBe(202);
  const { commandId } = answer.body as { commandId: string };
  expect((await api.get(`/commands/${commandId}`)).body).toMatchObject({
    status: 'PENDING',
    waitingFor: 'capable-agent',
  });
  // The announcement is backdated, as if they had left a week ago.
  const [field = '', text = ''] = Object.entries(await client.hgetall(typesKey)).flat();
  const then = text.replace(/"announcedAt":\d+/, `"announcedAt":${Date.now() - 7 * 24 * 3600 * 1000}`);
  await client.hset(typesKey, field, then);
  await api.get('/types');
  expect(await api.post('/commands', { type: 'RESIZE', payload: { width: 1 } })).toMatchObject({
    status: 400,
    body: {
      code: 'unknown_type',
      errors: [{ field: 'type', message: expect.stringContaining('known: DELAY, HTTP_GET_JSON)') as string }],
    },
  });
});

describe('leaving', () => {
  test('frees the name at once', async () => {
    await agents.register('agent-1', self);
    expect(await agents.leave('agent-1', 'i1.1')).toMatchObject({ status: 200, body: { left: true } });
    expect(await agents.leave('agent-1', 'i1.1')).toMatchObject({ status: 200, body: { left: false } });
    expect((await api.get('/agents')).body).toEqual({ agents: [] });
    expect(await agents.register('agent-1', { session: 's' })).toMatchObject({ status: 200 });
  });

  test('is for the session that has the name', async () => {
    await agents.register('agent-1', self);
    expect(await agents.leave('agent-1', 'i1.0')).toMatchObject({ body: { left: false } });
    expect((await api.get('/agents')).body).toMatchObject({ agents: [{ agentId: 'agent-1' }] });
  });
});

describe('draining', () => {
  const query = { agentId: 'agent-1', session: 'i1.1' };

  test('gives an agent nothing new, says so, and lets it keep what it has', async () => {
    await agents.register('agent-1', self);
    await api.post('/commands', { type: 'DELAY', payload: { ms: 1 } });
    const id = givenId(await agents.next(query));
    await api.post('/commands', { type: 'DELAY', payload: { ms: 1 } });
    expect(await agents.drain('agent-1')).toMatchObject({ status: 202, body: { session: shownAs('i1.1') } });
    const holding = `${id}:1`;
    const answer = await agents.next({ ...query, concurrency: 5, holding, wait: 60 });
    expect(answer).toMatchObject({ status: 204, headers: { 'fencepost-draining': 'true' } });
    expect(await agents.complete(id, 'agent-1', { session: 'i1.1' })).toMatchObject({ status: 200 });
  });

  test('gives again what the agent has and does not know of', async () => {
    await agents.register('agent-1', self);
    await api.post('/commands', { type: 'DELAY', payload: { ms: 1 } });
    const id = givenId(await agents.next(query));
    await agents.drain('agent-1');
    expect(await agents.next(query)).toMatchObject({ status: 200, body: { commandId: id, attempt: 1 } });
  });

  test('is over with the next run', async () => {
    await agents.register('agent-1', self);
    await agents.drain('agent-1');
    await api.post('/commands', { type: 'DELAY', payload: { ms: 1 } });
    const next = { session: 'i1.2', instance: 'i1' };
    expect(await agents.next({ agentId: 'agent-1', ...next })).toMatchObject({ status: 200 });
  });

  test('needs an agent', async () => {
    expect(await agents.drain('nobody')).toMatchObject({ status: 404 });
  });
});

test.each([
  [{}, 'session'],
  [{ session: 'i1.1', instance: 'i2' }, 'session'],
  [{ session: 's', queues: [] }, 'queues'],
  [{ session: 's', types: [{ type: 'X' }] }, 'types[0]'],
  [{ session: 's', concurrency: 0 }, 'concurrency'],
  [{ session: 's', sesion: 's' }, 'sesion'],
])('a registration that is malformed is 400 and names the field (%#)', async (body, field) => {
  expect(await agents.register('agent-1', body)).toMatchObject({
    status: 400,
    body: { errors: [{ field }] },
  });
});

test.each([
  ['GET', '/commands/next?agentId=a'],
  ['PUT', '/commands/00000000-0000-7000-8000-000000000000/result'],
  ['POST', '/commands/renew'],
  ['POST', '/commands/00000000-0000-7000-8000-000000000000/release'],
  ['PUT', '/agents/a'],
  ['DELETE', '/agents/a?session=s'],
  ['POST', '/agents/a/drain'],
])('%s %s is refused to pages of other sites', async (method, path) => {
  const refused = { status: 403, body: { code: 'forbidden_origin' } };
  for (const headers of [
    { 'sec-fetch-site': 'cross-site' },
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { host: 'evil.example' },
  ] as Record<string, string>[]) {
    expect(await api.send(method, path, { headers })).toMatchObject(refused);
  }
});

test('HEAD /commands/next starts nothing', async () => {
  const { body } = await api.post('/commands', { type: 'DELAY', payload: { ms: 1 } });
  const answer = await api.send('HEAD', '/commands/next?agentId=a');
  expect(answer).toMatchObject({ status: 405, headers: { allow: 'GET, OPTIONS' } });
  const { commandId } = body as { commandId: string };
  expect((await api.get(`/commands/${commandId}`)).body).toMatchObject({ status: 'PENDING' });
});
