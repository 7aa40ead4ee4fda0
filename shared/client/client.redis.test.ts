import { subscribe } from 'node:diagnostics_channel';
import { connect, createServer as createTcpServer } from 'node:net';
import { type Redis } from 'ioredis';
import {
  ResponseLostError,
  RequestRejectedError,
  ServerUnavailableError,
  WaitTimeoutError,
} from './errors.js';
import { type Client, createClient } from './client.js';
import { createLogger } from '../runtime/logger.js';
import { partitionKeys } from '../store/keys.js';
import { HttpProxy, type SeenMatch } from '../../testing/http-proxy.js';
import { freePort } from '../../testing/processes.js';
import { shownAs } from '../protocol/sessions.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../../server/server.js';
import { bodyOf, givenId, TestAgents } from '../../server/testing/test-agents.js';
import { TestApi } from '../../server/testing/test-api.js';

const keys = partitionKeys();
const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
const delay = { type: 'DELAY', payload: { ms: 1 } };
let redis: TestRedis;
let redisClient: Redis;
let server: Server;
let proxy: HttpProxy;
/** The client under test, which goes through the proxy. */
let client: Client;
let agents: TestAgents;
beforeAll(async () => {
  redis = await TestRedis.start();
  redisClient = redis.client();
  server = await startServer(await freePort());
  proxy = await HttpProxy.start(server.url);
  agents = new TestAgents(new TestApi(server.url));
});
beforeEach(async () => {
  await redisClient.flushall();
  client = createClient({ url: proxy.url });
});
afterEach(() => client.close());
afterAll(async () => {
  await proxy.stop();
  await server.stop();
  await redis.stop();
});

async function startServer(port: number): Promise<Server> {
  const options = { host: '127.0.0.1', port, leaseMs: 15_000, graceMs: 1000, maxBacklog: 1500, logger };
  const started = new Server({ ...options, redisUrl: redis.url });
  await started.start();
  return started;
}

const howMany = () => redisClient.zcard(keys.index);
const to =
  (method: string, path: string): SeenMatch =>
  (seen) =>
    seen.method === method && seen.path.startsWith(path);

/** An agent is given the next command and reports it. */
async function finish(status: 'COMPLETED' | 'FAILED' = 'COMPLETED'): Promise<string> {
  const given = await agents.next({ agentId: 'a', wait: 60 });
  const id = givenId(given);
  const { attempt } = bodyOf(given);
  const outcome =
    status === 'COMPLETED' ? { result: { ok: true, tookMs: 1 } } : { error: { message: 'no luck' } };
  expect(await agents.report(id, { agentId: 'a', attempt, status, ...outcome })).toMatchObject({
    status: 200,
  });
  return id;
}
async function failed(): Promise<string> {
  await client.submit(delay);
  return finish('FAILED');
}
async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('submit', () => {
  test('stores a command, which can be read back', async () => {
    const { commandId, created } = await client.submit({ ...delay, queue: 'q' });
    expect(created).toBe(true);
    expect(await client.get(commandId)).toMatchObject({ commandId, ...delay, queue: 'q', status: 'PENDING' });
  });

  test('and its result are read back as they are, whatever their keys are called', async () => {
    const odd = JSON.parse('{"__proto__":{"a":1},"constructor":[null]}') as object;
    const { commandId } = await client.submit(delay);
    await redisClient.hset(
      keys.command(commandId),
      'payload',
      JSON.stringify(odd),
      'result',
      JSON.stringify([odd]),
    );
    const { payload, result } = await client.get(commandId);
    expect(JSON.stringify([payload, result])).toBe(JSON.stringify([odd, [odd]]));
  });

  test('finds the command of a key that came before', async () => {
    const first = await client.submit(delay, { idempotencyKey: 'order-1' });
    const again = await client.submit(delay, { idempotencyKey: 'order-1' });
    expect([first.created, again]).toEqual([true, { commandId: first.commandId, created: false }]);
    const other = client.submit({ ...delay, queue: 'q' }, { idempotencyKey: 'order-1' });
    await expect(other).rejects.toMatchObject({ status: 422, code: 'idempotency_key_reused' });
  });

  test('whose answer was lost is sent again by itself, and is one command', async () => {
    const { lost } = proxy.loseAnswer(to('POST', '/commands'));
    const { commandId, created } = await client.submit(delay);
    expect((await lost).status).toBe(202);
    expect(created).toBe(true);
    expect([await howMany(), await redisClient.exists(keys.command(commandId))]).toEqual([1, 1]);
  });

  test('that is refused says why', async () => {
    const refused = client.submit({ type: 'DELAY', payload: { ms: -1 } });
    await expect(refused).rejects.toBeInstanceOf(RequestRejectedError);
    await expect(refused).rejects.toMatchObject({
      status: 400,
      code: 'invalid_request',
      message: expect.stringContaining('payload.ms') as string,
      problem: { errors: [{ field: 'payload.ms' }] },
    });
  });
});

describe('submitBatch', () => {
  test('stores all of them', async () => {
    const { commandIds } = await client.submitBatch([delay, { ...delay, queue: 'q' }]);
    expect(commandIds).toHaveLength(2);
    expect(await client.get(commandIds[1] ?? '')).toMatchObject({ queue: 'q' });
  });

  test('whose answer was lost is sent again by itself, and is stored once', async () => {
    const { lost } = proxy.loseAnswer(to('POST', '/commands/batch'));
    const { commandIds, created } = await client.submitBatch([delay, delay]);
    expect((await lost).status).toBe(202);
    expect([created, new Set(commandIds).size, await howMany()]).toEqual([true, 2, 2]);
  });

  test('finds the commands of a key that came before, and those of keys of their own', async () => {
    const batch = [delay, { ...delay, idempotencyKey: 'order-7' }];
    const first = await client.submitBatch(batch, { idempotencyKey: 'import-1' });
    const again = await client.submitBatch(batch, { idempotencyKey: 'import-1' });
    const one = await client.submit({ ...delay, idempotencyKey: 'order-7' });
    expect([first.created, again]).toEqual([true, { commandIds: first.commandIds, created: false }]);
    expect(one).toEqual({ commandId: first.commandIds[1], created: false });
    expect(await howMany()).toBe(2);
  });

  test('with a number that JSON does not have names it', async () => {
    const wrong = { type: 'ANY', payload: { list: [1, Infinity] } };
    await expect(client.submitBatch([delay, wrong])).rejects.toThrow(
      /^commands\[1\]\.payload\.list\[1\]: JSON has/,
    );
    await expect(client.submit(wrong)).rejects.toThrow(TypeError);
    const big = { type: 'ANY', payload: { id: 9007199254740993n as unknown as number } };
    await expect(client.submit(big)).rejects.toThrow(TypeError);
    expect(await howMany()).toBe(0);
  });

  test('that found no server is sent again once there is one', async () => {
    const port = await freePort();
    const direct = createClient({ url: `http://127.0.0.1:${port}` });
    const refused = new Promise((told) => subscribe('undici:client:connectError', told));
    const batch = direct.submitBatch([delay, delay]);
    await refused;
    const there = createTcpServer((socket) => {
      const { port: real } = new URL(server.url);
      socket.pipe(connect(Number(real), '127.0.0.1')).pipe(socket);
    });
    there.listen(port, '127.0.0.1');
    expect((await batch).commandIds).toHaveLength(2);
    expect(await howMany()).toBe(2);
    await direct.close();
    await new Promise((closed) => there.close(closed));
  });
});

describe('wait', () => {
  test('gives the command once it has ended', async () => {
    const { commandId } = await client.submit(delay);
    const waiting = client.wait(commandId);
    await finish();
    expect(await waiting).toMatchObject({ commandId, status: 'COMPLETED', result: { ok: true, tookMs: 1 } });
  });

  test('goes on through a restart of the server', async () => {
    const { commandId } = await client.submit(delay);
    const asked = proxy.holdNext(to('GET', `/commands/${commandId}?wait=`));
    const waiting = client.wait(commandId);
    await asked.held;
    const { port } = new URL(server.url);
    await server.stop();
    server = await startServer(Number(port));
    await finish();
    expect(await waiting).toMatchObject({ status: 'COMPLETED' });
  });

  test('asks again a server that ended its answer early, because it stopped', async () => {
    const { commandId } = await client.submit(delay);
    const direct = createClient({ url: server.url });
    const waiting = direct.wait(commandId);
    await untilWaiting();
    const { port } = new URL(server.url);
    await server.stop();
    server = await startServer(Number(port));
    await finish();
    expect(await waiting).toMatchObject({ status: 'COMPLETED' });
    await direct.close();
  });

  test('ends when its time is over, with the command as it is', async () => {
    const { commandId } = await client.submit(delay);
    const waiting = client.wait(commandId, { timeoutMs: 100 });
    await expect(waiting).rejects.toBeInstanceOf(WaitTimeoutError);
    const looked = client.wait(commandId, { timeoutMs: 1001 });
    await expect(looked).rejects.toMatchObject({ command: { commandId, status: 'PENDING' } });
  });

  test('of a command that is not there ends at once', async () => {
    const id = '00000000-0000-7000-8000-000000000000';
    await expect(client.wait(id)).rejects.toMatchObject({ status: 404, code: 'not_found' });
  });
});

/** Waits until the server holds an answer. */
async function untilWaiting(): Promise<void> {
  const api = new TestApi(server.url);
  const waiting = /^fencepost_http_waiting_requests 1$/m;
  while (!waiting.test(String((await api.get('/metrics')).body)));
}

test('list goes on from page to page, newest first, as far as it is read', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 5; i++) ids.unshift((await client.submit({ ...delay, queue: 'q' })).commandId);
  await client.submit(delay);
  const listed = await collect(client.list({ queue: 'q', limit: 2 }));
  expect(listed.map(({ commandId }) => commandId)).toEqual(ids);
  for await (const { commandId } of client.list({ queue: 'q', limit: 2 })) {
    expect(commandId).toBe(ids[0]);
    break;
  }
});

test('list goes on behind pages that are empty because of its filter', async () => {
  const { commandId } = await client.submit({ ...delay, queue: 'rare' });
  // More commands than one request looks at.
  const many = Array.from({ length: 600 }, () => delay);
  await client.submitBatch(many);
  await client.submitBatch(many);
  const listed = await collect(client.list({ queue: 'rare' }));
  expect(listed.map((one) => one.commandId)).toEqual([commandId]);
});

describe('an operator', () => {
  test('cancels one, and gets the same answer when the first one was lost', async () => {
    const { commandId } = await client.submit(delay);
    const { lost } = proxy.loseAnswer(to('POST', `/commands/${commandId}/cancel`));
    expect(await client.cancel(commandId)).toEqual({ commandId, state: 'cancelled' });
    await lost;
    expect(await client.get(commandId)).toMatchObject({ status: 'FAILED', error: { code: 'CANCELLED' } });
  });

  test('retries one, which begins one life, also when the answer was lost and it failed again meanwhile', async () => {
    const id = await failed();
    const { finishedAt } = await client.get(id);
    proxy.cutAnswers();
    const retrying = client.retry(id, { finishedAt: finishedAt ?? '' });
    await finish('FAILED');
    proxy.cut();
    proxy.heal();
    expect(await retrying).toMatchObject({ commandId: id });
    expect(await client.get(id)).toMatchObject({ status: 'FAILED', attempt: 2 });
  });

  test('cannot retry what has not failed', async () => {
    const { commandId } = await client.submit(delay);
    await expect(client.retry(commandId)).rejects.toMatchObject({ status: 409, code: 'conflict' });
  });

  test('cancels and retries what passes a filter, however many steps it takes', async () => {
    await client.submitBatch(Array.from({ length: 250 }, () => ({ ...delay, queue: 'q' })));
    const { commandId } = await client.submit(delay);
    const cancelled = await client.cancelAll({ status: 'PENDING', queue: 'q' });
    expect(cancelled).toEqual({ cancelled: 250, requested: 0, skipped: 0 });
    expect(await client.get(commandId)).toMatchObject({ status: 'PENDING' });
    const retried = await client.retryAll({ code: 'CANCELLED', executed: 'no' });
    expect(retried).toEqual({ retried: 250, mayStillRun: 0, skipped: 0 });
    expect(await client.stats()).toMatchObject({ counts: { PENDING: 251, FAILED: 0 } });
  });

  test('learns that a retry of many was not answered: what failed again would be retried again', async () => {
    const id = await failed();
    const { lost } = proxy.loseAnswer(to('POST', '/commands/retry'));
    await expect(client.retryAll()).rejects.toBeInstanceOf(ResponseLostError);
    await lost;
    expect(await client.get(id)).toMatchObject({ status: 'PENDING' });
  });

  test('pauses and resumes a queue, drains an agent, and sees what there is', async () => {
    expect(await client.pauseQueue('default')).toMatchObject({ queue: 'default', paused: true });
    expect(await client.queues()).toMatchObject([{ queue: 'default', paused: true }]);
    expect(await client.resumeQueue('default')).toMatchObject({ paused: false });
    await agents.register('a', { session: 's' });
    expect(await client.drain('a')).toEqual({ agentId: 'a', session: shownAs('s') });
    expect(await client.agents()).toMatchObject([{ agentId: 'a', draining: true }]);
    expect((await client.types()).map(({ type }) => type)).toContain('DELAY');
    expect(await client.ready()).toMatchObject({ status: 'ready', durability: { ok: true } });
  });
});

test('a server that is away for too long is reported as unavailable', async () => {
  const hasty = createClient({ url: proxy.url, retryForMs: 0 });
  proxy.cut();
  await expect(hasty.stats()).rejects.toBeInstanceOf(ServerUnavailableError);
  proxy.heal();
  await hasty.close();
});
