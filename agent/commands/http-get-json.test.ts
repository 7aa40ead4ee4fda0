import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { z } from 'zod';
import {
  begins,
  gzipBomb,
  hangs,
  hangsAfter,
  MisbehavingTarget,
  neverEnds,
  redirects,
  replies,
  repliesInPieces,
  resets,
  resetsAfter,
  sends,
} from '../../testing/misbehaving-target.js';
import { systemNetwork, type Network } from '../http/guarded-agent.js';
import { contextOf } from '../testing/execution-context.js';
import { ExecutionError } from './command-type.js';
import standard, { httpGetJson, longestAnswerMs, maxBodyBytes } from './http-get-json.js';

const commandId = '01980000-0000-7000-8000-000000000001';
const neverFetched = 'link-local and cloud metadata addresses are never fetched';
const json = { 'content-type': 'application/json' };
/** All that the connection to a target needs; its time for an answer is a `setTimeout`. */
const timersOfOthers: FakeableAPI[] = ['nextTick', 'setImmediate', 'queueMicrotask', 'performance', 'Date'];

let target: MisbehavingTarget;
let attempts: string[];
const recordAttempts = (message: unknown) => {
  const { socket } = message as { socket: NodeJS.EventEmitter };
  socket.on('connectionAttempt', (address: string) => attempts.push(address));
};

beforeEach(async () => {
  attempts = [];
  subscribe('net.client.socket', recordAttempts);
  target = await MisbehavingTarget.start();
});

// Stopping the target waits for its connections: a leaked one fails the test that leaked it.
afterEach(async () => {
  await target.stop();
  unsubscribe('net.client.socket', recordAttempts);
});

interface RunOptions {
  readonly retryOnStatus?: number[];
  readonly signal?: AbortSignal;
  readonly network?: Partial<Network>;
}

async function run(url: string, { retryOnStatus, signal, network }: RunOptions = {}) {
  const type = network ? httpGetJson({ ...systemNetwork, ...network }) : standard;
  const payload = type.payload.parse({ url, retryOnStatus });
  const result = await type.execute(
    contextOf(payload, { commandId, attempt: 3, ...(signal ? { signal } : {}) }),
  );
  return type.result.parse(result);
}

async function failureOf(running: Promise<unknown>): Promise<ExecutionError> {
  const error: unknown = await running.then(
    (result) => new Error(`did not fail: ${JSON.stringify(result)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ExecutionError)) throw error;
  return error;
}

/** The result that all failures without an answer have in common. */
function unanswered(error: ExecutionError) {
  return { status: 0, body: null, truncated: false, bytesReturned: 0, error: error.message };
}

/** A network in which every name has these addresses, one list per lookup, the last one for good. */
function resolvingTo(...answers: string[][]): Partial<Network> {
  return {
    lookup: (_hostname, _options, callback) => {
      const addresses = (answers.length > 1 ? answers.shift() : answers[0]) ?? [];
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
    },
  };
}

/** A network that shows each connection that it has made before it hands it over. */
function onConnected(look: (socket: Socket) => void): Partial<Network> {
  return {
    buildConnector: (options) => {
      const connect = systemNetwork.buildConnector(options);
      return (where, callback) =>
        connect(where, (...answer) => {
          const [, socket] = answer;
          if (socket) look(socket);
          callback(...answer);
        });
    },
  };
}

describe('an answer', () => {
  test.each([
    ['JSON', '{"a":[1]}', { a: [1] }, null],
    ['JSON with a byte order mark', '\ufeff{"a":1}', { a: 1 }, null],
    ['JSON that is a string', '"text"', 'text', null],
    ['nothing', '', null, null],
    ['invalid JSON', '{"a":', '{"a":', 'the body is not JSON; it is given as text'],
    ['a number that JSON does not have', 'NaN', 'NaN', 'the body is not JSON; it is given as text'],
    ['JSON in lines', '{}\n{}\n', '{}\n{}\n', 'the body is not JSON; it is given as text'],
    ['HTML', '<p>ü</p>', '<p>ü</p>', 'the body is not JSON; it is given as text'],
  ])('with %s is a result', async (_what, text, body, error) => {
    const url = target.at('/', replies({ headers: json, body: text }));
    const bytesReturned = Buffer.byteLength(text);
    expect(await run(url)).toEqual({ status: 200, body, truncated: false, bytesReturned, error });
  });

  test('with bytes that are not UTF-8 has replacement characters, and the error says so', async () => {
    const url = target.at('/', replies({ body: Buffer.from([0x22, 0xe9, 0x22]) }));
    const error = 'the body is not UTF-8; what could not be read became U+FFFD';
    expect(await run(url)).toMatchObject({ body: '\ufffd', bytesReturned: 3, error });
  });

  test.each([
    ['application/json; charset=iso-8859-1', [0x22, 0xe9, 0x22], 'é'],
    ['text/plain;Charset="windows-1251"', [0x22, 0xe9, 0x22], 'й'],
    ['application/json; charset=utf-16le', [0x22, 0, 0xe9, 0, 0x22, 0], 'é'],
    ['application/json; charset=iso-8859-1', [0xef, 0xbb, 0xbf, 0x22, 0xc3, 0xa9, 0x22], 'é'],
    ['application/json; charset=unheard-of', [0x22, 0xc3, 0xa9, 0x22], 'é'],
  ])('in the encoding that it declares is read in that: %s', async (type, bytes, body) => {
    const answer = replies({ headers: { 'content-type': type }, body: Buffer.from(bytes) });
    expect(await run(target.at('/', answer))).toMatchObject({ body, error: null });
  });

  test('with a number that no double holds is given as text, and says so', async () => {
    const body = '{"snow":1970670598291982290}';
    const error = 'snow is a number that cannot be kept; it is given as text';
    expect(await run(target.at('/', replies({ body })))).toMatchObject({ body, error });
  });

  test('of control characters is cut to what is stored of it', async () => {
    const result = await run(target.at('/', replies({ body: Buffer.alloc(maxBodyBytes) })));
    expect(result).toMatchObject({ truncated: true });
    expect(JSON.stringify(result).length).toBeLessThan(4 * maxBodyBytes + 200);
  });

  test.each([400, 404, 429, 500, 503])('of status %d is a result like any other', async (status) => {
    const url = target.at('/', replies({ status, headers: json, body: '{"no":1}' }));
    expect(await run(url)).toMatchObject({ status, body: { no: 1 }, error: null });
  });

  test.each([204, 304])('of status %d, which has no body, is a result', async (status) => {
    const url = target.at('/', replies({ status }));
    expect(await run(url)).toEqual({ status, body: null, truncated: false, bytesReturned: 0, error: null });
  });

  test('may come after interim ones', async () => {
    const early = 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n';
    const url = target.at('/', sends(`${early}${early}HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n7`));
    expect(await run(url)).toMatchObject({ status: 200, body: 7, error: null });
  });

  test.each(['127.1', '0x7f.1', 'localhost.', 'bücher.test'])(
    'comes from a host that is written as %s',
    async (host) => {
      target.at('/', replies({ body: '7' }));
      const result = await run(`http://${host}:${target.port}/`, { network: resolvingTo(['127.0.0.1']) });
      expect(result).toMatchObject({ status: 200, body: 7, error: null });
    },
  );

  test('comes for a request that says what it accepts, and its command', async () => {
    await run(target.at('/path', replies({})) + '?q=1');
    expect(target.requests).toEqual([
      {
        path: '/path?q=1',
        headers: {
          host: `127.0.0.1:${target.port}`,
          connection: 'close',
          accept: 'application/json, */*;q=0.5',
          'accept-encoding': 'gzip, deflate, br',
          'user-agent': expect.stringMatching(/^fencepost\/\d+\.\d+\.\d+/) as string,
          'idempotency-key': commandId,
          'fencepost-attempt': '3',
        },
      },
    ]);
  });

  test('is not asked of a proxy that the environment names', async () => {
    const before = process.env.http_proxy;
    process.env.http_proxy = 'http://127.0.0.1:9';
    try {
      expect(await run(target.at('/', replies({ body: '1' })))).toMatchObject({ body: 1 });
    } finally {
      if (before === undefined) delete process.env.http_proxy;
      else process.env.http_proxy = before;
    }
  });
});

describe('the body', () => {
  const full = JSON.stringify('x'.repeat(maxBodyBytes - 2));

  test('of exactly the most bytes is whole', async () => {
    const url = target.at('/', replies({ headers: json, body: full }));
    const result = await run(url);
    expect(result).toMatchObject({ truncated: false, bytesReturned: maxBodyBytes, error: null });
    expect(result.body).toBe('x'.repeat(maxBodyBytes - 2));
  });

  test('of one byte more is cut off, and is text', async () => {
    const url = target.at('/', replies({ headers: json, body: full + ' ' }));
    const result = await run(url);
    expect(result).toMatchObject({ truncated: true, bytesReturned: maxBodyBytes, error: null });
    expect(result.body).toBe(full);
  });

  test.each([
    ['ü', 1],
    ['€', 1],
    ['€', 2],
    ['😀', 1],
    ['😀', 2],
    ['😀', 3],
  ])('is never cut inside of %s, of which %d bytes would have fitted', async (character, fitting) => {
    const before = 'x'.repeat(maxBodyBytes - fitting);
    const url = target.at('/', replies({ body: `${before}${character}${'y'.repeat(100_000)}` }));
    const result = await run(url);
    expect(result).toMatchObject({ truncated: true, bytesReturned: maxBodyBytes - fitting });
    expect(result.body === before).toBe(true);
  });

  test.each(['ü', '€', '😀'])('keeps %s, which just fits', async (character) => {
    const text = 'x'.repeat(maxBodyBytes - Buffer.byteLength(character)) + character;
    const result = await run(target.at('/', replies({ body: text + 'y' })));
    expect(result).toMatchObject({ truncated: true, bytesReturned: maxBodyBytes });
    expect(result.body === text).toBe(true);
  });

  test('may come byte by byte', async () => {
    const pieces = Array.from(Buffer.from('"aü€😀"'), (byte) => Buffer.of(byte));
    expect(await run(target.at('/', repliesInPieces(pieces)))).toMatchObject({ body: 'aü€😀', error: null });
  });

  test('that never ends is cut off, and its connection closed', async () => {
    const url = target.at('/', neverEnds(Buffer.alloc(1000, 'x')));
    expect(await run(url)).toMatchObject({ status: 200, truncated: true, bytesReturned: maxBodyBytes });
  });

  test('ends where its content-length says, whatever follows', async () => {
    const url = target.at('/', sends('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}{"more":1}'));
    expect(await run(url)).toMatchObject({ body: {}, bytesReturned: 2, error: null });
  });

  // These are the sizes of the buffers on the way, at which undici, when it is read slowly, ends the process.
  test.each([1, 65_536, 98_304, 200_000])('of %d bytes may end with its connection', async (size) => {
    const bytes = Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), Buffer.alloc(size, '7')]);
    const bytesReturned = Math.min(size, maxBodyBytes);
    expect(await run(target.at('/', sends(bytes)))).toMatchObject({ status: 200, bytesReturned });
  });
});

describe('a compressed body', () => {
  const text = '{"a":"ü€😀"}';
  const bytes = Buffer.from(text);

  test.each([
    ['gzip', gzipSync(bytes)],
    ['X-GZIP', gzipSync(bytes)],
    ['br', brotliCompressSync(bytes)],
    ['deflate', deflateSync(bytes)],
    ['deflate', deflateRawSync(bytes)],
    ['gzip, br', brotliCompressSync(gzipSync(bytes))],
    ['gzip, gzip', gzipSync(gzipSync(bytes))],
    ['identity', bytes],
    ['gzip', Buffer.alloc(0)],
  ])('in %s is decoded', async (encoding, body) => {
    const headers = { 'content-encoding': encoding };
    const decodedBytes = body.length === 0 ? 0 : bytes.length;
    for (const behaviour of [
      replies({ headers, body }),
      repliesInPieces(
        Array.from(body, (byte) => Buffer.of(byte)),
        headers,
      ),
    ]) {
      expect(await run(target.at('/', behaviour))).toEqual({
        status: 200,
        body: decodedBytes === 0 ? null : (JSON.parse(text) as unknown),
        truncated: false,
        bytesReturned: decodedBytes,
        error: null,
      });
    }
  });

  test('has its decoded bytes counted', async () => {
    const body = gzipSync('€'.repeat(maxBodyBytes));
    expect(body.length).toBeLessThan(maxBodyBytes);
    const result = await run(target.at('/', replies({ headers: { 'content-encoding': 'gzip' }, body })));
    // 102,400 is no multiple of 3: the last byte that fits is the first of a character.
    expect(result).toMatchObject({ truncated: true, bytesReturned: maxBodyBytes - 1 });
  });

  // A bomb that was decoded any further than it is read would fill the memory within seconds.
  test('that is a bomb without end costs no more than what is read of it', async () => {
    expect(await run(target.at('/', gzipBomb()))).toMatchObject({
      status: 200,
      truncated: true,
      // The bomb consists of NULs, each of which has six bytes as JSON.
      bytesReturned: expect.any(Number) as number,
    });
  });

  test.each([65_536, 131_072, 262_144, 300_000])('of %d bytes may end with its connection', async (size) => {
    const body = gzipSync(randomBytes(size), { level: 0 });
    const head = Buffer.from('HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n');
    expect(await run(target.at('/', sends(Buffer.concat([head, body]))))).toMatchObject({
      status: 200,
      truncated: size > maxBodyBytes,
    });
  });

  test('that keeps its decoder busy without saying anything is cut off on the wire', async () => {
    const empty = gzipSync('');
    const url = target.at(
      '/',
      neverEnds(Buffer.concat(Array(1000).fill(empty)), { 'content-encoding': 'gzip' }),
    );
    expect(await run(url)).toEqual({
      status: 200,
      body: null,
      truncated: true,
      bytesReturned: 0,
      error: null,
    });
  });

  test.each([
    ['is not what its encoding says', 'gzip', Buffer.from('{"a":1}'), null, /^the body is not valid gzip \(/],
    [
      'ends too early',
      'gzip',
      gzipSync('abcdef').subarray(0, -8),
      'abcdef',
      /^the body is not valid gzip \(/,
    ],
    ['is in an encoding that the request does not accept', 'zstd', bytes, null, /content-encoding/],
    ['is encoded too often', 'gzip, gzip, gzip, gzip', bytes, null, /too many times/],
  ])('that %s is an answer, and the error says so', async (_what, encoding, body, text, error) => {
    const url = target.at('/', replies({ status: 201, headers: { 'content-encoding': encoding }, body }));
    expect(await run(url)).toEqual({
      status: 201,
      body: text,
      truncated: false,
      bytesReturned: text === null ? 0 : text.length,
      error: expect.stringMatching(error) as string,
    });
  });

  test('that is reset half-way is no answer', async () => {
    const url = target.at('/', (request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.write(gzipSync('abc').subarray(0, 12), () => request.socket.resetAndDestroy());
    });
    const error = await failureOf(run(url));
    expect(error.result).toEqual(unanswered(error));
  });
});

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('of status %d is followed', async (status) => {
    target.at('/a/end', replies({ body: '"here"' }));
    expect(await run(target.at('/a/start', redirects('end', status)))).toMatchObject({
      status: 200,
      body: 'here',
    });
  });

  test('to the same origin keeps the command and its attempt', async () => {
    target.at('/end', replies({}));
    await run(target.at('/', redirects('/end')));
    expect(target.requests.map(({ headers }) => headers['idempotency-key'])).toEqual([commandId, commandId]);
    expect(target.requests.map(({ headers }) => headers['fencepost-attempt'])).toEqual(['3', '3']);
  });

  test('to another origin drops them, for good', async () => {
    const other = await MisbehavingTarget.start();
    const back = other.at('/back', redirects(target.at('/end', replies({ body: '1' }))));
    expect(await run(target.at('/', redirects(back)))).toMatchObject({ status: 200, body: 1 });
    const later = [...other.requests, ...target.requests.slice(1)];
    expect(later).toHaveLength(2);
    for (const { headers } of later) {
      expect(headers).not.toHaveProperty('idempotency-key');
      expect(headers).not.toHaveProperty('fencepost-attempt');
      expect(headers).toHaveProperty('user-agent');
    }
    await other.stop();
  });

  test('may name its target in UTF-8', async () => {
    target.at('/%C3%BC', replies({ body: '1' }));
    const location = Buffer.from('/ü').toString('latin1');
    const answer = Buffer.from(`HTTP/1.1 302 Found\r\nlocation: ${location}\r\n\r\n`, 'latin1');
    expect(await run(target.at('/', sends(answer)))).toMatchObject({ body: 1 });
  });

  test('is followed three times', async () => {
    target.at('/2', redirects('/3'));
    target.at('/3', redirects('/end'));
    target.at('/end', replies({ body: '"here"' }));
    expect(await run(target.at('/1', redirects('/2')))).toMatchObject({ status: 200, body: 'here' });
  });

  test('in a loop is the answer itself at the fourth time', async () => {
    const result = await run(target.at('/', redirects('/')));
    expect(result).toMatchObject({ status: 302, body: 'moved', truncated: false, bytesReturned: 5 });
    expect(result.error).toMatch(/^more than 3 redirects; /);
    expect(target.requests).toHaveLength(4);
  });

  test.each([
    ['http://', 'a redirect to what is no URL'],
    ['file:///etc/passwd', 'a redirect to file:, which is not followed'],
    ['http://me:secret@127.0.0.1/', 'a redirect with credentials, which is not followed'],
  ])('to %s is the answer itself, and the error says so', async (location, error) => {
    const result = await run(target.at('/', replies({ status: 302, headers: { location } })));
    expect(result).toEqual({ status: 302, body: null, truncated: false, bytesReturned: 0, error });
  });

  test('without a location is an answer like any other', async () => {
    expect(await run(target.at('/', replies({ status: 302 })))).toMatchObject({ status: 302, error: null });
  });

  test('to a blocked address is refused before it is connected to', async () => {
    const url = target.at('/', redirects('http://169.254.169.254/latest/meta-data'));
    const error = await failureOf(run(url));
    expect(error.message).toBe(`no whole answer from 169.254.169.254: ${neverFetched} (169.254.169.254)`);
    expect(error.retryable).toBe(false);
    expect(error.result).toEqual(unanswered(error));
    expect(attempts).toEqual(['127.0.0.1']);
  });
});

describe('retryOnStatus', () => {
  test.each([
    ['seconds', { 'retry-after': '7' }, 7000],
    [
      'a date',
      { date: 'Wed, 21 Oct 2026 07:28:00 GMT', 'retry-after': 'Wed, 21 Oct 2026 07:28:30 GMT' },
      30_000,
    ],
    ['nothing', {}, 0],
  ])('fails the attempt, to be tried again after %s', async (_what, headers, pauseMs) => {
    const url = target.at('/', replies({ status: 503, headers, body: '{"busy":true}' }));
    const error = await failureOf(run(url, { retryOnStatus: [429, 503] }));
    expect(error).toMatchObject({
      message: `127.0.0.1:${target.port} answered 503, which retryOnStatus lists`,
      retryable: true,
      retryAfterMs: pauseMs,
      result: {
        status: 503,
        body: { busy: true },
        truncated: false,
        bytesReturned: 13,
        error: error.message,
      },
    });
  });

  test('leaves other statuses alone', async () => {
    const url = target.at('/', replies({ status: 500 }));
    expect(await run(url, { retryOnStatus: [429, 503] })).toMatchObject({ status: 500 });
  });
});

describe('no answer', () => {
  const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
  const reset = / connection reset \(ECONNABORTED\)$/;

  test.each([
    ['resets the connection at once', resets, reset],
    ['resets the connection half-way through the body', resetsAfter('{"a":'), /reset|HTTP/],
    ['closes the connection half-way through a chunk', sends(`${chunked}9\r\n{}`), /UND_ERR_SOCKET/],
    [
      'closes the connection without a word',
      sends(''),
      /the target closed the connection \(UND_ERR_SOCKET\)$/,
    ],
    [
      'sends less than its content-length',
      sends('HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{}'),
      /\(UND_ERR/,
    ],
    [
      'does not speak HTTP',
      sends('SSH-2.0-OpenSSH_9.2\r\n'),
      /Response does not match the HTTP\/1.1 protocol/,
    ],
    [
      'sends huge headers',
      replies({ headers: { 'x-huge': 'x'.repeat(20_000) } }),
      /the headers of the answer are too large/,
    ],
  ])('is a failure to be tried again: the target %s', async (_what, behaviour, cause) => {
    const error = await failureOf(run(target.at('/secret', behaviour) + '?token=secret'));
    expect(error.message).toMatch(/^no whole answer from 127\.0\.0\.1:\d+: /);
    expect(error.message).toMatch(cause);
    expect(error.message).not.toContain('secret');
    expect(error.retryable).toBe(true);
    expect(error.result).toEqual(unanswered(error));
    expect(target.requests).toHaveLength(1);
  });

  // Such a body ends with its connection, and undici alone would call this one whole.
  test('is a failure: a body without a length is cut short by a reset', async () => {
    const network = onConnected((socket) => socket.once('readable', () => target.resetConnections()));
    const error = await failureOf(run(target.at('/', begins('HTTP/1.1 200 OK\r\n\r\n{}')), { network }));
    expect(error.message).toMatch(reset);
    expect(error.result).toEqual(unanswered(error));
  });

  test('is a failure: no server listens', async () => {
    const unused = createServer().listen(0, '127.0.0.1');
    await once(unused, 'listening');
    const { port } = unused.address() as AddressInfo;
    unused.close();
    await once(unused, 'close');
    const error = await failureOf(run(`http://127.0.0.1:${port}/`));
    expect(error.message).toBe(`no whole answer from 127.0.0.1:${port}: connection refused (ECONNREFUSED)`);
    expect(error.result).toEqual(unanswered(error));
  });

  test('is a failure: the target does not speak TLS', async () => {
    const error = await failureOf(run(target.origin.replace('http', 'https')));
    expect(error.message).toMatch(/: (TLS failed|connection reset|the target closed the connection) \(/);
    expect(error.result).toEqual(unanswered(error));
  });

  test('is a failure: the name does not exist', async () => {
    const notFound = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
    const network: Partial<Network> = { lookup: (_hostname, _options, callback) => callback(notFound, []) };
    const error = await failureOf(run('http://nobody.invalid/', { network }));
    expect(error.message).toBe('no whole answer from nobody.invalid: no such host name (ENOTFOUND)');
    expect(error.retryable).toBe(true);
    expect(error.result).toEqual(unanswered(error));
  });

  test.each([
    ['says nothing', hangs, 1],
    ['stops in the middle of the body', hangsAfter('{"a":'), 1],
    ['redirects to where nothing is said', redirects('/hangs'), 2],
  ])('until the time is up is a failure: the target %s', async (_what, behaviour, requests) => {
    const aborter = new AbortController();
    target.at('/hangs', hangs);
    const running = failureOf(run(target.at('/', behaviour), { signal: aborter.signal }));
    while (target.requests.length < requests) await target.nextRequest();
    aborter.abort(new DOMException('the time is up', 'TimeoutError'));
    const error = await running;
    expect(error.message).toBe(`no whole answer from 127.0.0.1:${target.port}: the time is up`);
    expect(error.retryable).toBe(true);
    expect(error.result).toEqual(unanswered(error));
  });

  // However long its `timeoutMs` is: one command must not hold an agent for 30 days.
  test.each([
    ['sends a byte now and then', begins('HTTP/1.1 200 OK\r\n\r\n{"a"')],
    ['sends interim answers for ever', begins('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(9))],
  ])('after ten minutes is a failure: the target %s', async (_what, behaviour) => {
    jest.useFakeTimers({ doNotFake: timersOfOthers });
    try {
      const arrived = target.nextRequest();
      let isOver = false;
      const failing = failureOf(run(target.at('/', behaviour))).finally(() => (isOver = true));
      await arrived;
      await jest.advanceTimersByTimeAsync(longestAnswerMs - 1);
      expect(isOver).toBe(false);
      await jest.advanceTimersByTimeAsync(1);
      const error = await failing;
      expect(error.message).toMatch(/: not done after 600000 ms, for which an answer is waited at most$/);
      expect(error.retryable).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });

  test('is a failure: the command was aborted while the name was looked up', async () => {
    const aborter = new AbortController();
    const network: Partial<Network> = { lookup: () => aborter.abort(new Error('cancelled')) };
    const error = await failureOf(run('http://slow.invalid/', { network, signal: aborter.signal }));
    expect(error.message).toBe('no whole answer from slow.invalid: cancelled');
    expect(error.result).toEqual(unanswered(error));
  });

  test('is a failure: the command was aborted before it began, so nothing is sent', async () => {
    const error = await failureOf(run(target.origin, { signal: AbortSignal.abort(new Error('cancelled')) }));
    expect(error.result).toEqual(unanswered(error));
    expect(attempts).toEqual([]);
  });
});

describe('a blocked address', () => {
  test.each([
    'http://169.254.169.254/latest/meta-data/',
    'https://169.254.169.254/',
    'HTTP://169.254.169.254:8080/',
    'http://169.254.169.254./',
    'http://0xA9FEA9FE/',
    'http://0xa9.0xfe.0xa9.0xfe/',
    'http://2852039166/',
    'http://0251.0376.0251.0376/',
    'http://169.254.43518/',
    'http://%31%36%39.254.169.254/',
    'http://①⑥⑨.②⑤④.①⑥⑨.②⑤④/',
    'http://169。254。169。254/',
    'http:///169.254.169.254/',
    'http://[::ffff:169.254.169.254]/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://[0:0:0:0:0:FFFF:A9FE:A9FE]/',
    'http://[64:ff9b::169.254.169.254]/',
    'http://[2002:a9fe:a9fe::]/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
    'http://100.100.100.200/',
    'http://168.63.129.16/',
    'http://192.0.0.192/',
  ])('is not connected to: %s', async (url) => {
    const error = await failureOf(run(url));
    expect(error.message).toContain(neverFetched);
    expect(error.retryable).toBe(false);
    expect(error.result).toEqual(unanswered(error));
    expect(attempts).toEqual([]);
  });

  test.each(['http', 'https'])('is not connected to over %s when a name resolves to it', async (scheme) => {
    const network = resolvingTo(['169.254.169.254', 'fe80::1']);
    const error = await failureOf(run(`${scheme}://metadata.test/`, { network }));
    expect(error.message).toBe(
      `no whole answer from metadata.test: ${neverFetched} (169.254.169.254, fe80::1)`,
    );
    expect(error.retryable).toBe(false);
    expect(attempts).toEqual([]);
  });

  test('is not connected to when a name resolves to it only the second time', async () => {
    target.at('/', redirects('/again'));
    const network = resolvingTo(['127.0.0.1'], ['169.254.169.254']);
    const error = await failureOf(run(`http://rebinding.test:${target.port}/`, { network }));
    expect(error.retryable).toBe(false);
    expect(error.result).toEqual(unanswered(error));
    expect(target.requests).toHaveLength(1);
    expect(attempts).toEqual(['127.0.0.1']);
  });

  test('is left out where a name has others', async () => {
    target.at('/', replies({ body: '1' }));
    const network = resolvingTo(['fe80::1', '127.0.0.1']);
    expect(await run(`http://printer.test:${target.port}/`, { network })).toMatchObject({ body: 1 });
    expect(attempts).toEqual(['127.0.0.1']);
  });

  test('is written nothing to when a connection turns out to lead there', async () => {
    const network = onConnected((socket) =>
      Object.defineProperty(socket, 'remoteAddress', { value: '169.254.169.254' }),
    );
    const connected = target.nextConnection();
    const error = await failureOf(run(target.at('/', replies({})), { network }));
    expect(error.message).toContain('169.254.169.254');
    expect(error.retryable).toBe(false);
    const socket = await connected;
    if (!socket.closed) await once(socket, 'close');
    expect(socket.bytesRead).toBe(0);
    expect(target.requests).toEqual([]);
  });
});

describe('the payload', () => {
  test.each([
    { url: 'http://localhost:3000/a?b#c' },
    { url: 'HTTPS://example.com' },
    { url: 'http://[::1]/', retryOnStatus: [] },
    { url: 'http://10.0.0.1/', retryOnStatus: [429, 503] },
  ])('may be %j', (payload) => {
    expect(standard.payload.parse(payload)).toEqual(payload);
  });

  test.each([
    [{}, 'url'],
    [{ url: 'example.com' }, 'url'],
    [{ url: 'ftp://example.com/' }, 'url'],
    [{ url: 'http://' }, 'url'],
    [{ url: 'http://a b/' }, 'url'],
    [{ url: 'http://300.1.1.1/' }, 'url'],
    [{ url: 'http://me@example.com/' }, 'url'],
    [{ url: 'http://me:secret@example.com/' }, 'url'],
    [{ url: `http://example.com/${'x'.repeat(2048)}` }, 'url'],
    [{ url: 'http://example.com/', retryOnStatus: [99] }, 'retryOnStatus.0'],
    [{ url: 'http://example.com/', retryOnStatus: 503 }, 'retryOnStatus'],
    [{ url: 'http://example.com/', method: 'POST' }, ''],
  ])('may not be %j', (payload, path) => {
    const issues = standard.payload.safeParse(payload).error?.issues;
    expect(issues?.map((issue) => issue.path.join('.'))).toContain(path);
    expect(JSON.stringify(issues)).not.toContain('secret');
  });

  test('has a schema that can be announced', () => {
    expect(z.toJSONSchema(standard.payload)).toMatchObject({
      properties: {
        url: { type: 'string', format: 'uri', maxLength: 2048, pattern: '^[hH][tT][tT][pP][sS]?:\\/\\/' },
        retryOnStatus: { type: 'array', items: { type: 'integer', minimum: 100, maximum: 599 } },
      },
      required: ['url'],
      additionalProperties: false,
    });
    expect(z.toJSONSchema(standard.result)).toMatchObject({
      required: ['status', 'body', 'truncated', 'bytesReturned', 'error'],
    });
  });

  test('asks for 30 s, and for no second execution when an agent is lost', () => {
    expect(standard).toMatchObject({ type: 'HTTP_GET_JSON', timeoutMs: 30_000 });
    expect(standard.onAgentLost).toBeUndefined();
  });
});
