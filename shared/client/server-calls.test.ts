import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, type Socket } from 'node:net';
import { type ProblemBody } from '../protocol/api.js';
import { type ProblemCode, problems } from '../protocol/errors.js';
import { createClient } from './client.js';
import { tryEachServer, retryFor } from './server-calls.js';

type Answer = (response: ServerResponse) => void;

/** A server with scripted answers, one per request; the last one is repeated for good. */
class FakeServer {
  readonly url: string;
  /** When each came, by `performance.now()`. */
  readonly requests: { readonly message: IncomingMessage; readonly at: number }[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: Server;

  private constructor(server: Server, answers: readonly Answer[]) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    server.on('request', (message, response) => {
      this.requests.push({ message, at: performance.now() });
      server.emit('asked');
      answers[Math.min(this.requests.length, answers.length) - 1]?.(response);
    });
  }

  static async start(...answers: Answer[]): Promise<FakeServer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const fake = new FakeServer(server, answers);
    running.push(fake);
    return fake;
  }

  /** Resolves at the next request. */
  async asked(): Promise<void> {
    await once(this.#server, 'asked');
  }

  /** Resolves when no client is connected. */
  async alone(): Promise<void> {
    while (this.#sockets.size > 0) await Promise.all([...this.#sockets].map(closed));
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

// Not events.once, which takes the reset that comes before it for a failure.
const closed = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve));

const running: FakeServer[] = [];
afterEach(() => Promise.all(running.splice(0).map((fake) => fake.stop())));

const accept: Answer = (response) => {
  response.writeHead(202).end(JSON.stringify({ commandId: '0192f3a4-5b6c-7d8e-9f01-000000000000' }));
};
const reset: Answer = (response) => void response.socket?.resetAndDestroy();
const never: Answer = () => undefined;
const refuse =
  (code: ProblemCode, headers: Record<string, string> = {}): Answer =>
  (response) => {
    const { status, title } = problems[code];
    const body: ProblemBody = { type: 'about:blank', title, status, code, detail: `for ${code}` };
    response.writeHead(status, headers).end(JSON.stringify(body));
  };
const text =
  (status: number, body: string): Answer =>
  (response) =>
    void response.writeHead(status).end(body);

const delay = { type: 'DELAY', payload: { ms: 1 } };
const keysOf = ({ requests }: FakeServer) =>
  requests.map(({ message }) => message.headers['idempotency-key']);

test('a submission is sent again with the same key until it is answered', async () => {
  const server = await FakeServer.start(reset, refuse('redis_unavailable'), text(502, 'bad gateway'), accept);
  const client = createClient({ url: server.url });
  expect(await client.submit(delay)).toMatchObject({ created: true });
  expect(server.requests).toHaveLength(4);
  expect(new Set(keysOf(server)).size).toBe(1);
  expect(keysOf(server)[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  await client.submit(delay);
  expect(new Set(keysOf(server)).size).toBe(2);
  await client.close();
});

test.each([
  'invalid_request',
  'not_found',
  'conflict',
  'idempotency_key_reused',
  'redis_key_broken',
] as const)('an answer that refuses, %s, is thrown, and the request not sent again', async (code) => {
  const server = await FakeServer.start(refuse(code), accept);
  const client = createClient({ url: server.url });
  const { status } = problems[code];
  const refused = { name: 'RequestRejectedError', status, code, message: `for ${code}`, problem: { code } };
  await expect(client.submit(delay)).rejects.toMatchObject(refused);
  expect(server.requests).toHaveLength(1);
  await client.close();
});

test('Retry-After is heeded', async () => {
  const server = await FakeServer.start(refuse('redis_unavailable', { 'retry-after': '1' }), accept);
  const client = createClient({ url: server.url });
  await client.submit(delay);
  const [first, second] = server.requests;
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(995);
  await client.close();
});

test('a call that would wait for longer than the client goes on fails at once', async () => {
  const server = await FakeServer.start(refuse('backlog_full', { 'retry-after': '3600' }));
  const client = createClient({ url: server.url });
  const unavailable = { name: 'ServerUnavailableError', status: 503, code: 'backlog_full' };
  await expect(client.submit(delay)).rejects.toMatchObject(unavailable);
  expect(server.requests).toHaveLength(1);
  await client.close();
});

test.each([
  ['a connection that breaks', reset],
  ['a 503 that leaves it open', refuse('redis_unavailable')],
  ['a 502 of a proxy', text(502, 'bad gateway')],
])('a call that must not be carried out twice is not sent again after %s', async (_what, answer) => {
  const server = await FakeServer.start(answer, accept);
  const client = createClient({ url: server.url });
  await expect(client.retryAll()).rejects.toMatchObject({ name: 'ResponseLostError' });
  expect(server.requests).toHaveLength(1);
  await client.close();
});

test.each([
  'backlog_full',
  'redis_full',
  'request_timeout',
  'too_many_connections',
  'too_many_held',
] as const)('one of which nothing was done, as %s says, is sent again', async (code) => {
  const done = text(200, JSON.stringify({ retried: 0, mayStillRun: 0, skipped: 0, nextCursor: null }));
  const server = await FakeServer.start(refuse(code), done);
  const client = createClient({ url: server.url });
  expect(await client.retryAll()).toEqual({ retried: 0, mayStillRun: 0, skipped: 0 });
  expect(server.requests).toHaveLength(2);
  await client.close();
});

test('a batch is sent again with the same key', async () => {
  const stored = text(202, JSON.stringify({ commandIds: [] }));
  const server = await FakeServer.start(reset, refuse('redis_unavailable'), stored);
  const client = createClient({ url: server.url });
  expect(await client.submitBatch([delay])).toEqual({ commandIds: [], created: true });
  const keys = server.requests.map(({ message }) => message.headers['idempotency-key']);
  expect([keys.length, new Set(keys).size, keys[0]]).toEqual([3, 1, expect.any(String)]);
  await client.close();
});

test('what answers and is no Fencepost is named so', async () => {
  const server = await FakeServer.start(text(200, '<html>hello</html>'));
  const client = createClient({ url: server.url });
  await expect(client.stats()).rejects.toMatchObject({ name: 'UnexpectedResponseError', status: 200 });
  await client.close();
});

describe('ends, and leaves no connection behind,', () => {
  test.each([
    ['a call', (client: ReturnType<typeof createClient>, signal: AbortSignal) => client.stats({ signal })],
    [
      'a wait',
      (client: ReturnType<typeof createClient>, signal: AbortSignal) => client.wait('x', { signal }),
    ],
    [
      'a stream of events',
      (client: ReturnType<typeof createClient>, signal: AbortSignal) => client.events({ signal }).next(),
    ],
  ])('when it is aborted: %s', async (_what, call) => {
    const server = await FakeServer.start(never);
    const client = createClient({ url: server.url });
    const { signal, abort } = abortable();
    const calling = call(client, signal);
    await server.asked();
    abort();
    await expect(calling).rejects.toThrow('enough');
    await server.alone();
    expect(server.requests).toHaveLength(1);
    await client.close();
  });

  test('when it is aborted during the pause before the next try', async () => {
    const server = await FakeServer.start(refuse('redis_unavailable', { 'retry-after': '20' }));
    const client = createClient({ url: server.url });
    const { signal, abort } = abortable();
    const answered = new Promise((resolve) => subscribe('undici:request:trailers', resolve));
    const calling = client.stats({ signal });
    await answered;
    // The code that reads the answer goes first.
    setImmediate(abort);
    await expect(calling).rejects.toThrow('enough');
    await client.close();
    await server.alone();
  });

  test('when the client is closed', async () => {
    const server = await FakeServer.start(never);
    const client = createClient({ url: server.url });
    const calls = [client.stats(), client.wait('x'), client.events().next()];
    const ended = Promise.all(
      calls.map((call) => expect(call).rejects.toMatchObject({ name: 'ClientClosedError' })),
    );
    while (server.requests.length < 3) await server.asked();
    await client.close();
    await ended;
    await server.alone();
    await expect(client.stats()).rejects.toMatchObject({ name: 'ClientClosedError' });
    expect(server.requests).toHaveLength(3);
  });
});

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error('enough')) };
}

test('one signal may be for any number of calls at once: Node takes many listeners for a leak', async () => {
  const held: ServerResponse[] = [];
  const server = await FakeServer.start((response) => void held.push(response));
  const client = createClient({ url: server.url });
  const { signal } = abortable();
  const added = jest.spyOn(signal, 'addEventListener');
  const removed = jest.spyOn(signal, 'removeEventListener');
  const calls = Array.from({ length: 20 }, () => client.submit(delay, { signal }));
  while (server.requests.length < 20) await server.asked();
  expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 0]);
  held.forEach(accept);
  await Promise.all(calls);
  expect([added.mock.calls.length, removed.mock.calls.length]).toEqual([1, 1]);
  await client.close();
});

test('what was aborted before is not sent', async () => {
  const server = await FakeServer.start(accept);
  const client = createClient({ url: server.url });
  const signal = AbortSignal.abort(new Error('enough'));
  await expect(client.submit(delay, { signal })).rejects.toThrow('enough');
  expect(server.requests).toHaveLength(0);
  await client.close();
});

test('a try that takes too long is given up for the next', async () => {
  const server = await FakeServer.start(never, accept);
  const client = createClient({ url: server.url, timeoutMs: 50 });
  expect(await client.submit(delay)).toMatchObject({ created: true });
  await client.close();
});

test.each(['localhost:3711', 'redis://127.0.0.1:6379', 'server', ''])(
  'a server is reached over http or https, and a URL like "%s" is refused at once',
  (url) => {
    const create = () => createClient({ url });
    expect(create).toThrow(TypeError);
    expect(create).toThrow('url: must be http://host:port or https://host:port');
  },
);

describe.each(['', '.', '..'])('"%s", which URLs resolve away, never asks for something else:', (name) => {
  type Named = (client: ReturnType<typeof createClient>) => Promise<unknown>;
  test.each<[string, string, Named]>([
    ['get', 'commandId', (client) => client.get(name)],
    ['wait', 'commandId', (client) => client.wait(name)],
    ['cancel', 'commandId', (client) => client.cancel(name)],
    ['retry', 'commandId', (client) => client.retry(name)],
    [
      'retry of a failure',
      'commandId',
      (client) => client.retry(name, { finishedAt: '2026-01-01T00:00:00Z' }),
    ],
    ['drain', 'agentId', (client) => client.drain(name)],
    ['pauseQueue', 'queue', (client) => client.pauseQueue(name)],
    ['resumeQueue', 'queue', (client) => client.resumeQueue(name)],
  ])('%s refuses that %s', async (_what, argument, call) => {
    const server = await FakeServer.start(text(200, '{}'));
    const client = createClient({ url: server.url });
    const refused = { name: 'TypeError', message: `${argument}: ${JSON.stringify(name)} names nothing` };
    await expect(call(client)).rejects.toMatchObject(refused);
    expect(server.requests).toHaveLength(0);
    await client.close();
  });
});

test('the path by which agents ask for work is no command', async () => {
  const server = await FakeServer.start(text(200, '{}'));
  const client = createClient({ url: server.url });
  const refused = { name: 'TypeError', message: 'commandId: next is no id of a command' };
  await expect(client.get('next')).rejects.toMatchObject(refused);
  await expect(client.wait('next')).rejects.toMatchObject(refused);
  expect(server.requests).toHaveLength(0);
  await client.close();
});

test.each(['ключ', 'a\nb', 'é', 'a b', ' a', 'a\t', ''])(
  'a key that would not arrive as it is, "%s", is refused',
  async (idempotencyKey) => {
    const server = await FakeServer.start(accept);
    const client = createClient({ url: server.url });
    const message = expect.stringContaining(`idempotencyKey: ${JSON.stringify(idempotencyKey)} `) as string;
    const refused = { name: 'TypeError', message };
    await expect(client.submit(delay, { idempotencyKey })).rejects.toMatchObject(refused);
    expect(server.requests).toHaveLength(0);
    await client.close();
  },
);

describe('a call that waits for one of the 32 connections', () => {
  const busy = Array.from({ length: 32 }, () => never);
  /** Occupies all 32 connections with calls that are never answered. */
  async function occupied(options: { timeoutMs: number; retryForMs: number }, ...answers: Answer[]) {
    const server = await FakeServer.start(...busy, ...answers);
    const client = createClient({ url: server.url, ...options });
    const occupying = Promise.allSettled(busy.map(() => client.submit(delay)));
    // At the same moment, so that their time would be over at the same moment too.
    const waiting = client.submit(delay);
    while (server.requests.length < busy.length) await server.asked();
    return { server, client, occupying, waiting };
  }

  test('has all of its time once it has one', async () => {
    const { server, client, occupying, waiting } = await occupied({ timeoutMs: 500, retryForMs: 0 }, accept);
    expect(await waiting).toMatchObject({ created: true });
    const outcomes = await occupying;
    expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(32);
    expect(server.requests).toHaveLength(33);
    await client.close();
  });

  test('is sent again for as long as any other', async () => {
    const answers = [refuse('backlog_full'), accept];
    const options = { timeoutMs: 1100, retryForMs: 1000 };
    const { server, client, occupying, waiting } = await occupied(options, ...answers);
    expect(await waiting).toMatchObject({ created: true });
    await occupying;
    expect(server.requests).toHaveLength(34);
    await client.close();
  });

  test('ends when it is aborted, or the client closed, and is never sent', async () => {
    const { server, client, occupying, waiting } = await occupied(
      { timeoutMs: 60_000, retryForMs: 0 },
      accept,
    );
    const { signal, abort } = abortable();
    const aborted = client.submit(delay, { signal });
    const closed = expect(waiting).rejects.toMatchObject({ name: 'ClientClosedError' });
    abort();
    await expect(aborted).rejects.toThrow('enough');
    await client.close();
    await Promise.all([closed, occupying]);
    await server.alone();
    expect(server.requests).toHaveLength(32);
  });
});

test('a payload that cannot be JSON is a fault that no try mends', async () => {
  const server = await FakeServer.start(accept);
  const client = createClient({ url: server.url });
  const loop: { self?: unknown } = {};
  loop.self = loop;
  const impossible = { type: 'DELAY', payload: loop } as never;
  await expect(client.submit(impossible)).rejects.toThrow('circular');
  expect(server.requests).toHaveLength(0);
  await client.close();
});

describe('patience', () => {
  test('that asks around gives each server one try, and one of them two', () => {
    const patience = tryEachServer(2);
    expect([1, 2, 3].map((failures) => patience(failures, 0, 0) === undefined)).toEqual([false, false, true]);
  });

  test('for a time grows its pauses, adds them to what was asked for, and ends before that time', () => {
    const patience = retryFor(10_000);
    for (let failures = 1; failures < 100; failures++) {
      expect(patience(failures, 0, 0)).toBeLessThan(Math.min(5000, 100 * 2 ** (failures - 1)));
      expect(patience(failures, 0, 2000)).toBeGreaterThanOrEqual(2000);
    }
    expect(patience(1, 10_001, 0)).toBeUndefined();
    expect(patience(1, 9000, 1001)).toBeUndefined();
  });
});
