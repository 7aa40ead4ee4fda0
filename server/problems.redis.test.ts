import { type Redis } from 'ioredis';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { problemSchema } from '../shared/protocol/api.js';
import { type ProblemCode, problems } from '../shared/protocol/errors.js';
import { createLogger } from '../shared/runtime/logger.js';
import { partitionKeys, typesKey } from '../shared/store/keys.js';
import { TestRedis } from '../testing/redis-server.js';
import { Problem } from './http/problem.js';
import { problemOf } from './http/error-to-problem.js';
import { Server } from './server.js';
import { TestApi, type TestAnswer } from './testing/test-api.js';

const keys = partitionKeys();
const delay = { type: 'DELAY', payload: { ms: 1 } };
let redis: TestRedis;
let client: Redis;
let server: Server;
let api: TestApi;
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
  const options = {
    host: '127.0.0.1',
    port: 0,
    leaseMs: 15_000,
    graceMs: 1000,
    maxBacklog: 10,
    maxQueues: 50,
    logger,
  };
  server = new Server({ ...options, redisUrl: redis.url });
  await server.start();
  api = new TestApi(server.url);
});
beforeEach(() => client.flushall());
afterAll(async () => {
  await server.stop();
  await redis.stop();
});

/** Sends the bytes of a request that Node's parser refuses. @returns the answer's status and body */
async function sendRaw(request: string): Promise<Pick<TestAnswer, 'status' | 'body'>> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(request);
  const answer = await text(socket);
  const body: unknown = JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')));
  return { status: Number(answer.split(' ')[1]), body };
}

/** A command that agent a runs. */
async function running(): Promise<string> {
  const { body } = await api.post('/commands', delay);
  await api.get('/commands/next?agentId=a');
  return (body as { commandId: string }).commandId;
}

const reportTo = (id: string, body: object) => api.send('PUT', `/commands/${id}/result`, { body });
const registerAs = (session: string) => api.send('PUT', '/agents/a', { body: { session, instance: 'i1' } });

/** How each code comes about. */
const causes: Partial<Record<ProblemCode, () => Promise<Pick<TestAnswer, 'status' | 'body'>>>> = {
  invalid_request: () => api.post('/commands', { ...delay, queue: 7 }),
  conflict: async () => {
    const id = await running();
    await reportTo(id, { agentId: 'a', status: 'COMPLETED', result: 1 });
    return reportTo(id, { agentId: 'a', status: 'COMPLETED', result: 2 });
  },
  late_report: async () => reportTo(await running(), { agentId: 'b', status: 'COMPLETED' }),
  old_session: async () => {
    await registerAs('i1.2');
    return registerAs('i1.1');
  },
  agent_name_taken: async () => {
    await registerAs('i1.1');
    return api.get('/commands/next?agentId=a');
  },
  malformed_json: () =>
    api.send('POST', '/commands', { body: '{', headers: { 'content-type': 'application/json' } }),
  malformed_http: () => sendRaw('hello?\r\n\r\n'),
  unknown_type: () => api.post('/commands', { ...delay, type: 'NOBODY_KNOWS' }),
  invalid_type_schema: async () => {
    await client.hset(typesKey, 'BAD', '{');
    // Reads them anew.
    await api.get('/types');
    return api.post('/commands', { ...delay, type: 'BAD' });
  },
  costly_payload: async () => {
    const payload = { anyOf: [{ items: { $ref: '#' } }, { items: { $ref: '#' } }], type: 'array' };
    const said = { payload, result: {}, onAgentLost: 'fail', announcedAt: Date.now() };
    await client.hset(typesKey, 'DEAR', JSON.stringify(said));
    await api.get('/types');
    const nested: unknown = JSON.parse(`${'['.repeat(50)}1${']'.repeat(50)}`);
    return api.post('/commands', { type: 'DEAR', payload: nested });
  },
  forbidden_origin: () => api.post('/commands', delay, { 'sec-fetch-site': 'cross-site' }),
  not_found: () => api.get('/nowhere'),
  method_not_allowed: () => api.send('PATCH', '/commands'),
  body_too_large: () => api.post('/commands', 'x'.repeat(300 * 1024), { 'content-type': 'application/json' }),
  unsupported_media_type: () => api.post('/commands', 'x'),
  idempotency_key_reused: async () => {
    await api.post('/commands', delay, { 'idempotency-key': 'k' });
    return api.post('/commands', { ...delay, queue: 'other' }, { 'idempotency-key': 'k' });
  },
  headers_too_large: () => sendRaw(`GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`),
  too_many_queues: async () => {
    await client.sadd(keys.queues, ...Array.from({ length: 50 }, (_, i) => `q${i}`));
    return api.post('/commands', { ...delay, queue: 'new' });
  },
  busy: async () => {
    // More than ten seconds' worth at once, however long they take.
    const told = { agentId: 'a', told: [] };
    const answers = await Promise.all(
      Array.from({ length: 200 }, () => api.post('/commands/progress', told)),
    );
    return answers.find(({ status }) => status !== 200) ?? api.get('/');
  },
  backlog_full: async () => {
    await client.hset(keys.counts, 'PENDING', 10);
    return api.post('/commands', delay);
  },
  redis_key_broken: async () => {
    await client.set(keys.index, 'x');
    return api.post('/commands', delay);
  },
  redis_full: async () => {
    await client.config('SET', 'maxmemory', '1');
    const answer = await api.post('/commands', delay);
    await client.config('SET', 'maxmemory', '0');
    return answer;
  },
  redis_unavailable: async () => {
    await client.replicaof('127.0.0.1', 1);
    const answer = await api.get('/ready');
    await client.replicaof('NO', 'ONE');
    return answer;
  },
};

test.each(Object.entries(causes))('%s is answered as the registry has it', async (code, cause) => {
  const { status, body } = await cause();
  const parsed = problemSchema.strict().parse(body);
  expect(parsed).toMatchObject({ code, status, title: problems[parsed.code].title });
  expect(status).toBe(problems[parsed.code].status);
});

test('an unforeseen fault reveals nothing of itself', () => {
  const problem = problemOf(new Error('secret'), true);
  expect(problem.toBody()).toMatchObject({ code: 'internal_error', status: 500 });
  expect(JSON.stringify(problem.toBody())).not.toContain('secret');
});

test('every code of the registry is tested', () => {
  const elsewhere = [
    'internal_error', // above
    ...['request_timeout', 'expectation_failed', 'too_many_connections'], // http-server.test.ts
    'too_many_held', // held-answers.test.ts
    'not_implemented', // browser-attacks.test.ts
  ];
  const tested = [...Object.keys(causes), ...elsewhere];
  expect(tested.sort()).toEqual(Object.keys(problems).sort());
});

test('every problem of the registry has a body that its schema takes', () => {
  for (const code of Object.keys(problems) as ProblemCode[]) {
    expect(problemSchema.strict().parse(new Problem(code, 'detail').toBody()).code).toBe(code);
  }
});
