import { type Redis } from 'ioredis';
import { bootOf, newSession, shownAs } from '../../shared/protocol/sessions.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { agentKey, partitionKeys } from '../../shared/store/keys.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { bodyOf, givenId, TestAgents } from '../testing/test-agents.js';
import { type TestAnswer, TestApi } from '../testing/test-api.js';

/**
 * Attacks on the agent protocol by a client that may send any request, and read all that is shown, but not Redis.
 * Before each, an agent runs a command; after each, it still has its name and its command, which no other
 * has been given, and whose end is its own to report.
 */

const leaseMs = 600_000;
const keys = partitionKeys();
const lines: string[] = [];
const logger = createLogger({
  side: 'server',
  level: 'debug',
  destination: { write: (line: string) => void lines.push(line) },
});

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

const instance = 'f00dfacecafe1234';
const boot = 1_795_360_481_239;
/** The secret. */
let session: string;
const host = 'box-1';
const pid = 4711;
/** The command that the victim executes. */
let id: string;
let bait: string;

beforeEach(async () => {
  const meta = await client.hgetall('fencepost:meta');
  await client.flushall();
  await client.hset('fencepost:meta', meta);
  lines.length = 0;
  session = newSession(instance, boot);
  await agents.register('victim', { session, host, pid, types: ['DELAY'], concurrency: 2 });
  const submitted = await api.post('/commands', { type: 'DELAY', payload: { ms: 1 }, maxAttempts: 3 });
  id = givenId(await agents.next({ agentId: 'victim', session }));
  expect(id).toBe(bodyOf(submitted).commandId);
  bait = String(bodyOf(await api.post('/commands', { type: 'DELAY', payload: { ms: 2 } })).commandId);
});

/** Returns every answer that readers, and refused callers, are given. */
async function everythingShown(): Promise<string> {
  const taken = await agents.register('victim', { session: 'curious' });
  expect(taken.status).toBe(409);
  const paths = [
    '/agents',
    `/commands/${id}`,
    '/commands',
    '/types',
    '/queues',
    '/stats',
    '/metrics',
    '/ready',
    '/openapi.json',
  ];
  const answers = await Promise.all(paths.map((path) => api.get(path)));
  return JSON.stringify([taken, ...answers].map(({ headers, body }) => [headers, body]));
}

const forged = { status: 'COMPLETED', result: { forged: true } } as const;
const digest = () => shownAs(session);
const guessed = () => newSession(instance, boot + 1);
/** `PUT /agents/victim` with all that is public, and a guess. */
const takeOver = (body: Readonly<Record<string, unknown>>) =>
  agents.register('victim', { host, pid, types: ['DELAY'], ...body });

/** Each request, and the status by which it is refused. */
const attacks: readonly [string, number, () => Promise<TestAnswer>][] = [
  ['a report without session and attempt', 409, () => agents.report(id, { agentId: 'victim', ...forged })],
  ['a report without session', 409, () => agents.report(id, { agentId: 'victim', attempt: 1, ...forged })],
  [
    'a report with an empty session',
    400,
    () => agents.report(id, { agentId: 'victim', session: '', attempt: 1, ...forged }),
  ],
  [
    'a report with the digest that is shown',
    409,
    () => agents.report(id, { agentId: 'victim', session: digest(), attempt: 1, ...forged }),
  ],
  [
    'a report with a session of the right form',
    409,
    () => agents.report(id, { agentId: 'victim', session: guessed(), attempt: 1, ...forged }),
  ],
  [
    'a report with the session of an earlier version',
    409,
    () => agents.report(id, { agentId: 'victim', session: `${instance}.${boot}`, attempt: 1, ...forged }),
  ],
  [
    'a report with the right session by another agent',
    409,
    () => agents.report(id, { agentId: 'thief', session, attempt: 1, ...forged }),
  ],
  [
    'a report of the next attempt',
    409,
    () => agents.report(id, { agentId: 'victim', session, attempt: 2, ...forged }),
  ],
  [
    'a failure without session, to have it executed again',
    409,
    () =>
      agents.report(id, { agentId: 'victim', status: 'FAILED', error: { message: 'x', retryAfterMs: 0 } }),
  ],
  [
    'a report that its agent was lost',
    409,
    () =>
      agents.report(id, { agentId: 'victim', status: 'FAILED', error: { message: 'x', code: 'AGENT_LOST' } }),
  ],
  ['a report of what was never started', 409, () => agents.report(bait, { agentId: 'victim', ...forged })],
  ['a release without session', 409, () => agents.release(id, { agentId: 'victim', attempt: 1 })],
  [
    'a release with the digest that is shown',
    409,
    () => agents.release(id, { agentId: 'victim', session: digest(), attempt: 1 }),
  ],
  [
    'a release with a session of the right form',
    409,
    () => agents.release(id, { agentId: 'victim', session: guessed(), attempt: 1 }),
  ],
  [
    'a renewal without session',
    200,
    () => agents.renew({ agentId: 'victim', held: [{ commandId: id, attempt: 1 }] }),
  ],
  [
    'a renewal with a session of the right form',
    200,
    () => agents.renew({ agentId: 'victim', session: guessed(), held: [{ commandId: id, attempt: 1 }] }),
  ],
  [
    'progress without session',
    200,
    () =>
      agents.reportProgress({
        agentId: 'victim',
        told: [{ commandId: id, attempt: 1, sequence: 9, progress: 'forged' }],
      }),
  ],
  [
    'progress with the digest that is shown',
    200,
    () =>
      agents.reportProgress({
        agentId: 'victim',
        session: digest(),
        told: [{ commandId: id, attempt: 1, sequence: 9, progress: 'forged' }],
      }),
  ],
  ['its name, with a session of its own', 409, () => takeOver({ session: 'thief' })],
  [
    'its name, with the digests that are shown',
    409,
    () => takeOver({ session: `${shownAs(instance)}.${boot + 1}`, instance: shownAs(instance) }),
  ],
  [
    'its name, with the next boot of its instance, which leaked from a disk',
    409,
    () => takeOver({ session: guessed() }),
  ],
  [
    'its name, with the next boot, as in earlier versions',
    409,
    () => takeOver({ session: `${instance}.${boot + 1}`, instance }),
  ],
  [
    'its name, and a proof that its run is dead, by the digest',
    409,
    () => takeOver({ session: guessed(), earlier: [digest()] }),
  ],
  [
    'its name, and a proof by a session of the right form',
    409,
    () => takeOver({ session: guessed(), earlier: [newSession(instance, boot)] }),
  ],
  ['its name, with a new pid', 409, () => takeOver({ session: 'thief', pid: 1 })],
  ['a poll under its name, without session', 409, () => agents.next({ agentId: 'victim' })],
  ['a poll with a session of its own', 409, () => agents.next({ agentId: 'victim', session: 'thief' })],
  ['a poll with the next boot', 409, () => agents.next({ agentId: 'victim', session: guessed() })],
  [
    'a poll with the next boot, as in earlier versions',
    409,
    () => agents.next({ agentId: 'victim', session: `${instance}.${boot + 1}`, instance }),
  ],
  [
    'a poll for what it holds, by another name',
    200,
    () => agents.next({ agentId: 'thief', session: guessed(), holding: `${id}:1`, concurrency: 2 }),
  ],
  [
    'a settling with a session of its own',
    409,
    () => api.post('/agents/victim/settle', { session: guessed(), earlier: [digest()] }),
  ],
  [
    'a settling under another name',
    409,
    () => api.post('/agents/thief/settle', { session: guessed(), earlier: [session] }),
  ],
  ['its name given back, without its session', 200, () => agents.leave('victim', digest())],
  ['its name given back, with a session of the right form', 200, () => agents.leave('victim', guessed())],
  [
    'a name that breaks out of its key',
    404,
    () => api.send('PUT', '/agents/victim%0a', { body: { session: 'thief' } }),
  ],
  [
    'a session that breaks out of its marker',
    400,
    () => agents.report(id, { agentId: 'victim', session: `${session}:x`, attempt: 1, ...forged }),
  ],
];

test.each(attacks)('%s is refused', async (_, status, attack) => {
  expect(await attack()).toMatchObject({ status });
  expect((await api.get(`/commands/${id}`)).body).toMatchObject({
    status: 'RUNNING',
    attempt: 1,
    agentId: 'victim',
    progress: null,
  });
  // The victim keeps its name and its attempt, and is not asked to stop.
  expect(await agents.register('victim', { session, host, pid })).toMatchObject({
    status: 200,
    body: { draining: false },
  });
  expect(await client.hget(agentKey('victim'), 'session')).toBe(session);
  const held = [{ commandId: id, attempt: 1 }];
  expect((await agents.renew({ agentId: 'victim', session, held })).body).toEqual({
    lost: [],
    cancelled: [],
  });
  expect(await agents.complete(id, 'victim', { session, attempt: 1 })).toMatchObject({
    status: 200,
    body: { again: false },
  });
  expect((await api.get(`/commands/${id}`)).body).toMatchObject({
    status: 'COMPLETED',
    result: { ok: true },
  });
});

test('sessions and instances are never shown: to no reader, in no refusal, not in the log', async () => {
  const shown = await everythingShown();
  expect(shown.includes('victim') && shown.includes(digest())).toBe(true);
  const drained = JSON.stringify((await agents.drain('victim')).body);
  await agents.report(id, {
    agentId: 'victim',
    session,
    attempt: 1,
    status: 'FAILED',
    error: { message: 'x', retryAfterMs: 0 },
  });
  const history = JSON.stringify((await api.get(`/commands/${id}`)).body);
  expect(history).toContain(digest());
  for (const text of [shown, drained, history, lines.join('\n')]) {
    // Compared as booleans, since the texts are long.
    expect([text.includes(session), text.includes(instance)]).toEqual([false, false]);
  }
});

test('an operator that drains an agent sees of its session only what every client may see', async () => {
  expect(await agents.drain('victim')).toMatchObject({ status: 202, body: { session: digest() } });
  expect(await client.hget(agentKey('victim'), 'draining')).toBe(session);
});

test('an agent without a session is still served, and may still report, by hand', async () => {
  const given = givenId(await agents.next({ agentId: 'by-hand' }));
  expect(given).toBe(bait);
  expect(await agents.report(given, { agentId: 'by-hand', ...forged })).toMatchObject({ status: 200 });
  expect(await client.get(keys.marker(given))).toBeNull();
});

test('a session of the right form has a boot, and one that is not of that instance has none', () => {
  expect(bootOf(session, instance)).toBe(boot);
  expect(bootOf(session, 'other')).toBeUndefined();
  expect(bootOf(`${instance}.7`, instance)).toBe(7);
});
