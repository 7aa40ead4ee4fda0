import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { TestApi } from '../testing/test-api.js';
import { HttpServer, type HttpServerOptions } from './http-server.js';

type Listener = HttpServerOptions['listener'];

let server: HttpServer;
const sockets: Socket[] = [];
afterEach(async () => {
  sockets.forEach((socket) => socket.destroy());
  sockets.length = 0;
  await server.stop();
});

async function listen(listener: Listener, more: Partial<HttpServerOptions> = {}): Promise<TestApi> {
  server = new HttpServer({ listener, host: '127.0.0.1', port: 0, graceMs: 10_000, ...more });
  await server.start();
  return new TestApi(server.url, true);
}

const hello: Listener = (_request, response) => void response.end('hello');

async function raw(...chunks: string[]): Promise<{ socket: Socket; answer: Promise<string> }> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  sockets.push(socket);
  await once(socket, 'connect');
  chunks.forEach((chunk) => socket.write(chunk));
  const answer = text(socket);
  // A test that leaves its connection open does not await the answer.
  answer.catch(() => undefined);
  return { socket, answer };
}

describe('what is no HTTP is answered all the same', () => {
  test.each([
    ['nonsense', 'hello?\r\n\r\n', 400, 'malformed_http'],
    [
      'a bad chunk',
      'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      400,
      'malformed_http',
    ],
    [
      'two lengths',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      400,
      'malformed_http',
    ],
    ['a head without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
  ])('%s', async (_what, sent, status, code) => {
    // This listener answers only requests that were read to their end.
    await listen((incoming, response) => incoming.resume().once('end', () => response.end()));
    const { answer } = await raw(sent);
    expect(await answer).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} .*\r\nContent-Type: application/problem\\+json`),
    );
    expect(await answer).toContain(`"code":"${code}"`);
  });

  test('a request that does not arrive in time', async () => {
    await listen(hello, { requestTimeoutMs: 50 });
    const { answer } = await raw('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    expect(await answer).toMatch(/^HTTP\/1\.1 408 [^]*"code":"request_timeout"/);
  });

  test('a request that crosses the answer that none has arrived is not carried out', async () => {
    const carriedOut: (string | undefined)[] = [];
    const note: Listener = (request, response) => {
      carriedOut.push(request.url);
      response.end();
    };
    await listen(note, { requestTimeoutMs: 50 });
    const socket = connect({
      port: Number(new URL(server.url).port),
      host: '127.0.0.1',
      // The client stands for one that has not read the answer yet when it writes.
      allowHalfOpen: true,
    });
    sockets.push(socket);
    const answer: string[] = [];
    socket.setEncoding('utf8').on('data', (chunk: string) => answer.push(chunk));
    await once(socket, 'end');
    expect(answer.join('')).toMatch(/^HTTP\/1\.1 408 [^]*"code":"request_timeout"/);
    socket.on('error', () => undefined);
    socket.write('POST /late HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}');
    // The server has read the request once it has closed the connection, which shows when the client writes more.
    while (carriedOut.length === 0 && !socket.destroyed) {
      socket.write(' ');
      await new Promise(setImmediate);
    }
    expect(carriedOut).toEqual([]);
  });

  test.each([
    ['nonsense', 'nonsense\r\n\r\n'],
    ['an unknown Expect', 'GET / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\n\r\n'],
    ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n'],
  ])('nothing is written into the middle of another answer, after %s', async (_what, sent) => {
    await listen((_incoming, response) => {
      response.writeHead(200, { 'Content-Length': '10' });
      response.write('12345');
    });
    const { socket } = await raw('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const received: Buffer[] = [];
    socket.on('data', (chunk) => received.push(chunk)).on('error', () => undefined);
    while (!Buffer.concat(received).toString().endsWith('12345')) await once(socket, 'data');
    const closed = once(socket, 'close');
    socket.write(sent);
    await closed.catch(() => undefined);
    expect(Buffer.concat(received).toString()).toMatch(/12345$/);
  });
});

describe('what Node would answer without a body, or not at all, is a problem as well', () => {
  test.each([
    [
      'Expect',
      'POST / HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nContent-Length: 2\r\n\r\n{}',
      417,
      'expectation_failed',
    ],
    ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n', 405, 'method_not_allowed'],
  ])('%s', async (_what, sent, status, code) => {
    await listen(hello);
    const { answer } = await raw(sent);
    expect(await answer).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} [^]*application/problem\\+json[^]*"code":"${code}"`),
    );
  });
});

test('an answer whose turn never came is closed when its connection is', async () => {
  const closed: (string | undefined)[] = [];
  const arrived = { three: () => {} };
  const threeAreHere = new Promise<void>((resolve) => (arrived.three = resolve));
  const isEmpty = { now: () => {} };
  const allClosed = new Promise<void>((resolve) => (isEmpty.now = resolve));
  await listen(({ url }, response) => {
    response.once('close', () => {
      closed.push(url);
      if (closed.length === 3) isEmpty.now();
    });
    if (url === '/3') arrived.three();
  });
  const heads = ['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  const { socket } = await raw(heads.join(''));
  await threeAreHere;
  socket.destroy();
  await allClosed;
  expect(closed.sort()).toEqual(['/1', '/2', '/3']);
});

// With a walk through all of them, some thousands that break off at once would keep the server from all else.
test('a request that cannot be parsed costs no look at the answers of other connections', async () => {
  let looks = 0;
  const isHeld = { now: () => {} };
  const held = new Promise<void>((resolve) => (isHeld.now = resolve));
  await listen((_request, response) => {
    const { socket } = response;
    Object.defineProperty(response, 'socket', {
      configurable: true,
      get: () => {
        looks++;
        return socket;
      },
    });
    isHeld.now();
  });
  await raw('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await held;
  looks = 0;
  const { answer } = await raw('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: no\r\n\r\n');
  expect(await answer).toContain('"code":"malformed_http"');
  expect(looks).toBe(0);
});

describe('connections are bounded', () => {
  test.each([
    [{ inAll: 2, perPeer: 9 }, /MAX_CONNECTIONS\)/],
    [{ inAll: 9, perPeer: 2 }, /MAX_CONNECTIONS_PER_PEER/],
  ])(
    'by %j: one more is refused with the name of the bound, and may come when another one has gone',
    async (maxConnections, name) => {
      await listen(hello, { maxConnections });
      const [first] = [await raw(), await raw()];
      const { answer } = await raw();
      expect(await answer).toMatch(/^HTTP\/1\.1 503 [^]*Retry-After: 1\r\n[^]*"code":"too_many_connections"/);
      expect(await answer).toMatch(name);
      first.socket.end();
      await first.answer;
      // The server has read of the end by now, or does so before it takes the next one.
      let status = 503;
      while (status === 503) {
        const next = await raw('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
        status = Number(/^HTTP\/1\.1 (\d+)/.exec(await next.answer)?.[1]);
      }
      expect(status).toBe(200);
    },
  );
});

test('an idle connection is kept for as long as is configured', async () => {
  await listen(hello, { keepAliveMs: 4000 });
  const { socket } = await raw('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^Keep-Alive: timeout=4\r$/m);
});

describe('stopping', () => {
  test('lets an answer that is under way finish, and asks its client to close', async () => {
    const arrived: { finish?: () => void } = {};
    let here: () => void;
    const inFlight = new Promise<void>((resolve) => (here = resolve));
    const api = await listen((_request, response) => {
      arrived.finish = () => response.end('done');
      here();
    });
    const answer = api.get('/');
    await inFlight;
    const stopped = server.stop();
    await expect(api.get('/')).rejects.toThrow(/ECONNREFUSED/);
    arrived.finish?.();
    expect(await answer).toMatchObject({ status: 200, body: 'done', headers: { connection: 'close' } });
    await stopped;
  });

  test('does not wait for connections that only stay open', async () => {
    await listen(hello);
    const agent = new Agent({ keepAlive: true });
    const sent = request(server.url, { agent });
    sent.end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(await text(response)).toBe('hello');
    expect(response.headers.connection).toBe('keep-alive');
    await server.stop();
    agent.destroy();
  });

  test('does not wait for a client that asked for a tunnel and stays', async () => {
    await listen(hello);
    const socket = connect({
      port: Number(new URL(server.url).port),
      host: '127.0.0.1',
      allowHalfOpen: true,
    });
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write('CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 405 /);
    await server.stop();
  });

  test('cuts off what is not done when the grace time is over', async () => {
    let here: () => void;
    const inFlight = new Promise<void>((resolve) => (here = resolve));
    const api = await listen(() => here(), { graceMs: 10 });
    const answer = api.get('/');
    await inFlight;
    await Promise.all([server.stop(), expect(answer).rejects.toThrow(/hang up|ECONNRESET/)]);
  });

  test('may be asked for twice, and before the start', async () => {
    const idle = new HttpServer({ listener: hello, host: '127.0.0.1', port: 0, graceMs: 10 });
    await idle.stop();
    await listen(hello);
    expect(server.stop()).toBe(server.stop());
  });
});

test('starting twice listens once', async () => {
  await listen(hello);
  const { url } = server;
  await server.start();
  expect(server.url).toBe(url);
});

test('a port that is in use is a fault', async () => {
  await listen(hello);
  const second = new HttpServer({
    listener: hello,
    host: '127.0.0.1',
    port: Number(new URL(server.url).port),
    graceMs: 10,
  });
  await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
});

test('says a name that can be reached, also when it listens on every address', async () => {
  await listen(hello, { host: '0.0.0.0' });
  expect(server.url).toMatch(/^http:\/\/localhost:\d+$/);
});
