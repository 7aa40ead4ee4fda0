import { z } from 'zod';
import { typesKey } from '../../shared/store/keys.js';
import { endProcesses, startProcess, type TestProcess } from '../../testing/processes.js';
import { TestRedis } from '../../testing/redis-server.js';
import { EventClient } from '../testing/event-client.js';
import { validatorAt } from '../testing/document.js';
import { documented } from '../testing/documented-answers.js';
import { bodyOf, givenId, TestAgents } from '../testing/test-agents.js';
import { type TestAnswer, TestApi } from '../testing/test-api.js';
import { type OpenApiDocument } from './document.js';
import { operations } from './operations.js';

// A process, since it serves files that the build has put beside it.
let redis: TestRedis;
let server: TestProcess;
let api: TestApi;
let agents: TestAgents;
beforeAll(async () => {
  redis = await TestRedis.start();
  const env = { PORT: '0', REDIS_URL: redis.url, LOG_LEVEL: 'info', LOG_PRETTY: 'false' };
  server = startProcess(['dist/server/main.js'], { env });
  const line = await server.waitForLine(/"ready: http/);
  api = new TestApi(z.object({ url: z.string() }).parse(JSON.parse(line)).url);
  agents = new TestAgents(api);
});
afterAll(async () => {
  await endProcesses();
  await redis.stop();
});

const delay = { type: 'DELAY', payload: { ms: 1 } };
const host7 = { agentId: 'http-1', session: 'host7.1' };

test('a real server answers every operation as the document has it', async () => {
  const { since } = documented();
  await api.get('/');
  await api.get('/health');
  await api.get('/ready');
  // Submit, and look.
  const key = { 'idempotency-key': 'order-1' };
  const id = String(bodyOf(await api.post('/commands', delay, key)).commandId);
  await api.post('/commands', delay, key);
  const batch = { commands: [delay, { ...delay, delayMs: 60_000 }] };
  await api.post('/commands/batch', batch, key);
  await api.post('/commands/batch', batch, key);
  await api.get('/commands?limit=1');
  await api.get(`/commands/${id}`);
  // The requests of an agent.
  await agents.register('http-1', { session: 'host7.1', instance: 'host7', types: ['DELAY'] });
  expect(givenId(await agents.next(host7))).toBe(id);
  await api.post('/agents/http-1/settle', { session: 'host7.1', earlier: ['host7.0'] });
  await agents.renew({ ...host7, held: [{ commandId: id, attempt: 1 }] });
  await agents.reportProgress({
    ...host7,
    told: [{ commandId: id, attempt: 1, sequence: 1, progress: 0.5 }],
  });
  await api.post(`/commands/${id}/cancel`, undefined);
  await agents.complete(id, 'http-1', { session: 'host7.1', attempt: 1 });
  const other = givenId(await agents.next(host7));
  await agents.release(other, { ...host7, attempt: 1 });
  // The requests of an operator.
  await api.post(`/commands/${other}/cancel`, undefined);
  await api.post(`/commands/${other}/retry`, undefined);
  await api.get(`/commands/${other}`);
  await api.post('/commands/cancel?status=PENDING', undefined);
  expect((await agents.next(host7)).status).toBe(204);
  await api.post('/commands/retry?status=FAILED', undefined);
  await api.post('/queues/default/pause', undefined);
  await api.post('/queues/default/resume', undefined);
  await agents.drain('http-1');
  for (const path of ['/agents', '/types', '/queues', '/stats', '/metrics', '/openapi.json', '/docs']) {
    await api.get(path);
  }
  const { headers } = await api.get('/docs/swagger-ui.css');
  await api.get('/docs/swagger-ui.css', { headers: { 'if-none-match': String(headers.etag) } });
  await api.get('/docs', { headers: { 'if-none-match': '*' } });
  await api.get('/', { headers: { accept: 'text/html', 'if-none-match': '*' } });
  expect((await api.get('/docs/')).headers.location).toBe('../docs');
  await agents.leave('http-1', 'host7.1');
  const answered = since();
  const wanted = operations.flatMap(({ id: name, answers }) =>
    Object.keys(answers).map((status) => `${name} ${status}`),
  );
  // The event stream does not end: the test below reads it.
  expect(wanted.filter((one) => !answered.has(one))).toEqual(['watchEvents 200']);
});

test('events are as the document has them', async () => {
  const events = await EventClient.open(`${api.url}/events`);
  expect(events.headers['content-type']).toBe('text/event-stream');
  await api.post('/commands', delay);
  await events.untilEvents(1);
  events.close();
  const isTransition = validatorAt('#/components/schemas/TransitionEvent');
  expect(events.events.map(({ event, data }) => [event, isTransition(data)])).toEqual([['transition', true]]);
  const late = await EventClient.open(`${api.url}/events`, { 'Last-Event-ID': 'of another server' });
  await late.untilEvents(1);
  late.close();
  const isResync = validatorAt('#/components/schemas/ResyncEvent');
  expect(late.events.map(({ event, data }) => [event, isResync(data)])).toEqual([['resync', true]]);
});

const documentOf = ({ body }: TestAnswer) => body as OpenApiDocument;

test('the served document has the types that agents have announced, and without Redis those that were known last', async () => {
  const announced = {
    type: 'RESIZE',
    payload: { $ref: '#/$defs/size', $defs: { size: { properties: { width: { type: 'integer' } } } } },
    result: { type: 'object' },
  };
  await agents.register('http-2', { session: 's.1', types: [announced] });
  await redis.client().hset(typesKey, 'BROKEN', '{', 'no name at all', '{}');
  const isCurrent = expect.objectContaining({
    'Payload.RESIZE': {
      $ref: '#/components/schemas/Payload.RESIZE/$defs/size',
      $defs: { size: { properties: { width: { type: 'integer' } } } },
    },
    Submission: expect.objectContaining({
      oneOf: ['DELAY', 'HTTP_GET_JSON', 'RESIZE'].map((type) => ({
        $ref: `#/components/schemas/Submission.${type}`,
      })),
    }) as unknown,
  }) as unknown;
  expect(documentOf(await api.get('/openapi.json')).components.schemas).toEqual(isCurrent);
  await redis.client().replicaof('127.0.0.1', 1);
  expect(documentOf(await api.get('/openapi.json')).components.schemas).toEqual(isCurrent);
  await redis.client().replicaof('NO', 'ONE');
  await redis.client().del(typesKey);
});

test('the pages load from this server and nothing else, and are asked for again after an upgrade', async () => {
  const page = await api.get('/docs');
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
    'content-security-policy': expect.stringContaining("default-src 'none'; script-src 'self'") as string,
    'x-content-type-options': 'nosniff',
  });
  const links = [...String(page.body).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = '']) => link);
  const loaded = links.filter((link) => link !== 'data:,');
  expect(loaded.toSorted()).toEqual([
    'docs/docs.js',
    'docs/swagger-ui-bundle.js',
    'docs/swagger-ui.css',
    'openapi.json',
  ]);
  for (const link of loaded) expect((await api.get(`/${link}`)).status).toBe(200);
  const etag = String(page.headers.etag);
  expect((await api.get('/docs', { headers: { 'if-none-match': etag } })).status).toBe(304);
});

test.each(['/docs', '/docs/docs.js', '/openapi.json'])('HEAD %s has the head of GET', async (path) => {
  const [head, get] = [await api.send('HEAD', path), await api.get(path)];
  expect(head.status).toBe(200);
  expect(head.body).toBe('');
  expect(head.headers['content-length']).toBe(get.headers['content-length']);
});

test.each(['/docs/main.js', '/docs/document.js', '/docs/..%2Fmain.js'])('%s is no file', async (path) => {
  expect((await api.get(path)).status).toBe(404);
});

test('a request that the pages send passes the guard, and one of another site does not', async () => {
  const { host } = new URL(api.url);
  const own = { origin: `http://${host}`, 'sec-fetch-site': 'same-origin' };
  expect((await api.post('/commands', delay, own)).status).toBe(202);
  expect((await api.post('/commands', delay, { origin: 'http://elsewhere.example' })).status).toBe(403);
});
