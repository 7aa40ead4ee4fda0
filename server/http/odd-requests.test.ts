import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { appWithoutRedis } from '../testing/app-without-redis.js';
import { HttpServer } from './http-server.js';

/**
 * Requests that libraries do not send and that attackers, old clients and proxies do, as their bytes. Redis is
 * away: a submission that is well-formed is answered 503.
 */

let server: HttpServer;
beforeAll(async () => {
  const app = appWithoutRedis();
  server = new HttpServer({
    listener: (request, response) => void app(request, response),
    host: '127.0.0.1',
    port: 0,
    graceMs: 0,
  });
  await server.start();
});
afterAll(() => server.stop());

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
}

/** Sends these bytes and no more. @returns every answer, and whether the connection was closed by the first */
async function answersTo(bytes: string | Buffer): Promise<Answer[]> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.end(bytes);
  return (await text(socket)).split(/(?=HTTP\/1\.1 \d)/).map((answer) => ({
    status: Number(answer.slice(9, 12)),
    code: /"code":"(\w+)"/.exec(answer)?.[1],
  }));
}

const submission = '{"type":"DELAY","payload":{"ms":1}}';
const chunks = `${submission.length.toString(16)}\r\n${submission}\r\n0\r\n`;

const request = (line: string, ...head: string[]) => [line, 'Host: localhost', ...head, '', ''].join('\r\n');
const post = (body: string, ...head: string[]) =>
  request('POST /commands HTTP/1.1', 'Content-Type: application/json', ...head) + body;
const sized = (body: string, ...head: string[]) => post(body, `Content-Length: ${body.length}`, ...head);

const accepted: Answer = { status: 503, code: 'redis_unavailable' };
const unparsed: Answer = { status: 400, code: 'malformed_http' };
const found: Answer = { status: 200, code: undefined };

test.each<[what: string, bytes: string | Buffer, answers: readonly Answer[]]>([
  [
    'a bad one and a good one in one go, each of which has its answer, in order',
    sized('{]') + sized(submission),
    [{ status: 400, code: 'malformed_json' }, accepted],
  ],
  ['HTTP/1.0 without a Host', 'GET /health HTTP/1.0\r\n\r\n', [found]],
  ['HTTP/1.1 without a Host', 'GET /health HTTP/1.1\r\n\r\n', [unparsed]],
  [
    'one that asks whether it may go on',
    sized(submission, 'Expect: 100-continue'),
    [{ status: 100, code: undefined }, accepted],
  ],
  ['chunks', post(`${chunks}\r\n`, 'Transfer-Encoding: chunked'), [accepted]],
  [
    'chunks with trailers',
    post(`${chunks}X-Sum: 1\r\n\r\n`, 'Transfer-Encoding: chunked', 'Trailer: X-Sum'),
    [accepted],
  ],
  ['chunks and a length', sized(`${chunks}\r\n`, 'Transfer-Encoding: chunked'), [unparsed]],
  [
    'chunks that are announced twice: two programs may see two ends of its body',
    post(`${chunks}\r\n`, 'Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'),
    [unparsed],
  ],
  ['the same in one header', post(`${chunks}\r\n`, 'Transfer-Encoding: chunked, chunked'), [unparsed]],
  ['the first bytes of TLS', Buffer.from('16030100c8010000c40303', 'hex'), [unparsed]],
  ['the first bytes of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [unparsed]],
  [
    'one that would go on in HTTP/2, and goes on as it is',
    request('GET /health HTTP/1.1', 'Connection: Upgrade', 'Upgrade: h2c'),
    [found],
  ],
  ['HEAD of a stream without an end', request('HEAD /events HTTP/1.1'), [found]],
  ['a path in capitals', request('GET /Health HTTP/1.1'), [found]],
  ['a path with a slash at its end', request('GET /health/ HTTP/1.1'), [found]],
])('%s', async (_what, bytes, answers) => {
  expect(await answersTo(bytes)).toEqual(answers);
});

const refused: Answer = { status: 400, code: 'invalid_request' };

test.each<[what: string, key: string, answer: Answer]>([
  ['of one character', 'k', accepted],
  ['of 255', 'k'.repeat(255), accepted],
  ['of 10,240', 'k'.repeat(10_240), refused],
  ['of 20,480', 'k'.repeat(20_480), { status: 431, code: 'headers_too_large' }],
  ['with a tab', 'a\tb', refused],
  ['that is not ASCII', '\u00fc', refused],
  ['that is given twice', 'a\r\nIdempotency-Key: b', refused],
])('an Idempotency-Key %s', async (_what, key, answer) => {
  expect(await answersTo(sized(submission, `Idempotency-Key: ${key}`))).toEqual([answer]);
});
