import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { appWithoutRedis } from '../testing/app-without-redis.js';
import { HttpServer } from './http-server.js';

// Requests that a page of another site can make a browser send, as browsers send them. Redis is away: a request
// that passes the guards is answered 503, and any other by the guard that refuses it.

const servers: HttpServer[] = [];
let loopback: HttpServer;
let onLan: HttpServer;
beforeAll(async () => {
  loopback = await listen('127.0.0.1');
  // Configured to listen on every address, this server cannot know its names.
  onLan = await listen('0.0.0.0');
});
afterAll(() => Promise.all(servers.map((server) => server.stop())));

async function listen(host: string): Promise<HttpServer> {
  const app = appWithoutRedis({ host });
  const server = new HttpServer({
    listener: (request, response) => void app(request, response),
    host: '127.0.0.1',
    port: 0,
    graceMs: 0,
  });
  servers.push(server);
  await server.start();
  return server;
}

interface Attack {
  readonly line?: string;
  readonly head?: readonly string[];
  readonly body?: string;
}

/** Sends the very bytes. @returns the status, and the code of a problem */
async function send(server: HttpServer, { line = poll, head = [], body = '' }: Attack) {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  await once(socket, 'connect');
  const length = body === '' ? [] : [`Content-Length: ${body.length}`];
  const request = [`${line} HTTP/1.1`, ...head, ...length, 'Connection: close', '', body].join('\r\n');
  const host = /^host:/im.test(head.join('\n')) ? '' : `Host: ${server === loopback ? own : lan}\r\n`;
  socket.write(request.replace('HTTP/1.1\r\n', `HTTP/1.1\r\n${host}`));
  const answer = await text(socket);
  return {
    status: Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]),
    code: /"code":"(\w+)"/.exec(answer)?.[1],
    allows: /^access-control-/im.test(answer),
  };
}

const own = 'localhost:3000';
const lan = 'box-1:3000';
const poll = 'GET /commands/next?agentId=w&queues=q';
const pausing = 'POST /queues/q/pause';
const submitting = 'POST /commands';

const chrome = [
  'User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  'Accept-Encoding: gzip, deflate',
  'Accept-Language: en-US,en;q=0.9',
];
const image = 'Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8';
const page = 'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const json = 'Content-Type: application/json';
const command = '{"type":"DELAY","payload":{"ms":0}}';
/** Headers as browsers send them to loopback and to https. */
const fetched = (site: string, mode: string, dest: string) => [
  ...chrome,
  `Sec-Fetch-Site: ${site}`,
  `Sec-Fetch-Mode: ${mode}`,
  `Sec-Fetch-Dest: ${dest}`,
];

const forbidden = { status: 403, code: 'forbidden_origin' };
const malformed = { status: 400, code: 'malformed_http' };

const onLoopback: [what: string, attack: Attack, refusal: object][] = [
  [
    'an image of a page on another port',
    { head: [...fetched('same-site', 'no-cors', 'image'), image] },
    forbidden,
  ],
  [
    'an image of a page on another site',
    { head: [...fetched('cross-site', 'no-cors', 'image'), image] },
    forbidden,
  ],
  [
    'a link in a mail, or an address that is typed',
    { head: [...fetched('none', 'navigate', 'document'), page] },
    forbidden,
  ],
  ['a link of another site', { head: [...fetched('cross-site', 'navigate', 'document'), page] }, forbidden],
  ['a frame of another site', { head: [...fetched('cross-site', 'navigate', 'iframe'), page] }, forbidden],
  ['fetch without cors', { head: [...fetched('cross-site', 'no-cors', 'empty'), 'Accept: */*'] }, forbidden],
  [
    'fetch with cors',
    { head: [...fetched('cross-site', 'cors', 'empty'), 'Origin: https://evil.example'] },
    forbidden,
  ],
  [
    'an address of the page before, of another port',
    { head: [...chrome, 'Referer: http://localhost:8080/'] },
    forbidden,
  ],
  [
    'a listing by an image: it costs time, even if its page cannot read it',
    { line: 'GET /commands', head: fetched('cross-site', 'no-cors', 'image') },
    forbidden,
  ],
  [
    'a stream of events by a script',
    { line: 'GET /events', head: fetched('same-site', 'no-cors', 'script') },
    forbidden,
  ],
  [
    'a form of another site',
    {
      line: pausing,
      head: [...fetched('cross-site', 'navigate', 'document'), 'Origin: https://evil.example'],
    },
    forbidden,
  ],
  [
    'a form as text that is JSON',
    { line: submitting, head: [...chrome, 'Origin: null', 'Content-Type: text/plain'], body: command },
    forbidden,
  ],
  [
    'a form as text, from a browser that says no origin',
    { line: submitting, head: [...chrome, 'Content-Type: text/plain'], body: command },
    { status: 415, code: 'unsupported_media_type' },
  ],
  [
    'a form of fields',
    { line: submitting, head: ['Content-Type: application/x-www-form-urlencoded'], body: 'type=DELAY' },
    { status: 415, code: 'unsupported_media_type' },
  ],
  [
    'a beacon',
    {
      line: pausing,
      head: [
        ...fetched('cross-site', 'no-cors', 'empty'),
        'Origin: https://evil.example',
        'Content-Type: text/plain',
      ],
    },
    forbidden,
  ],
  [
    'JSON from another site',
    { line: submitting, head: ['Origin: https://evil.example', json], body: command },
    forbidden,
  ],
  [
    'JSON from another port',
    { line: submitting, head: ['Origin: http://localhost:8080', json], body: command },
    forbidden,
  ],
  [
    'an origin of another scheme',
    { line: submitting, head: ['Origin: ftp://localhost:3000', json], body: command },
    forbidden,
  ],
  [
    'an origin with a user',
    { line: submitting, head: ['Origin: http://u@localhost:3000', json], body: command },
    forbidden,
  ],
  [
    'an origin with a path',
    { line: submitting, head: ['Origin: http://localhost:3000/x', json], body: command },
    forbidden,
  ],
  [
    'an origin that begins like this one',
    { line: submitting, head: ['Origin: http://localhost:3000.evil.example', json], body: command },
    forbidden,
  ],
  [
    'an origin of another scheme than the proxy in front says',
    {
      line: submitting,
      head: ['Origin: http://localhost:3000', 'X-Forwarded-Proto: https', json],
      body: command,
    },
    forbidden,
  ],
  ['an origin that is hidden', { line: submitting, head: ['Origin: null', json], body: command }, forbidden],
  ['an empty origin', { line: submitting, head: ['Origin: ', json], body: command }, forbidden],
  [
    'a WebSocket',
    {
      head: [
        'Upgrade: websocket',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Version: 13',
        'Origin: https://evil.example',
      ],
    },
    forbidden,
  ],
  [
    'a name that now resolves to loopback',
    { line: 'GET /commands', head: ['Host: evil.example:3000', ...fetched('same-origin', 'cors', 'empty')] },
    forbidden,
  ],
  ['a target that names another host', { line: 'GET http://evil.example/health' }, malformed],
  ['a target that names a user', { line: 'GET http://localhost:3000@evil.example/health' }, malformed],
  [
    'a coding beside chunked',
    { line: submitting, head: [json, 'Transfer-Encoding: gzip, chunked'] },
    { status: 501, code: 'not_implemented' },
  ],
  ['two hosts', { line: 'GET /health', head: ['Host: localhost:3000', 'Host: evil.example'] }, malformed],
  [
    'HEAD',
    { line: poll.replace('GET', 'HEAD'), head: fetched('same-origin', 'cors', 'empty') },
    { status: 405 },
  ],
  ['CONNECT', { line: 'CONNECT localhost:6379' }, { status: 405, code: 'method_not_allowed' }],
];

test.each(onLoopback)('to loopback: %s', async (_what, attack, refusal) => {
  expect(await send(loopback, attack)).toMatchObject({ ...refusal, allows: false });
});

// Here browsers send no `Sec-Fetch-*` at all.
const toLan: [what: string, attack: Attack, refusal: object][] = [
  ['an image', { head: [...chrome, image] }, forbidden],
  ['an image that says where it is', { head: [...chrome, image, 'Referer: http://intranet/'] }, forbidden],
  ['a script, a style sheet, a font, fetch without cors', { head: [...chrome, 'Accept: */*'] }, forbidden],
  [
    'fetch without cors, which may choose its languages',
    { head: [...chrome.slice(0, 2), 'Accept-Language: *'] },
    forbidden,
  ],
  ['a browser with a name of its own', { head: ['User-Agent: Kiosk/1', ...chrome.slice(1)] }, forbidden],
  [
    'a link, a frame, an address that is typed',
    { head: [...chrome, page, 'Upgrade-Insecure-Requests: 1'] },
    forbidden,
  ],
  [
    'a form without an origin',
    { line: pausing, head: [...chrome, page, 'Content-Type: text/plain'] },
    forbidden,
  ],
  ['a form', { line: pausing, head: [...chrome, page, 'Origin: http://intranet'] }, forbidden],
  ['fetch with cors', { head: [...chrome, 'Origin: http://intranet'] }, forbidden],
  [
    'a name that now resolves to this address',
    { line: 'GET /commands', head: ['Host: evil.example:3000', ...chrome] },
    forbidden,
  ],
  [
    'the same, as its own page',
    {
      line: submitting,
      head: ['Host: evil.example:3000', ...chrome, 'Origin: http://evil.example:3000', json],
      body: command,
    },
    forbidden,
  ],
];

test.each(toLan)('to a plain http server in the same network: %s', async (_what, attack, refusal) => {
  expect(await send(onLan, attack)).toMatchObject({ ...refusal, allows: false });
});

test('a browser that asks before it sends gets no permission', async () => {
  const head = [
    'Origin: http://intranet',
    'Access-Control-Request-Method: PUT',
    'Access-Control-Request-Private-Network: true',
    ...chrome,
  ];
  for (const path of ['/commands', '/commands/next', '/agents/a', '/commands/batch']) {
    expect(await send(onLan, { line: `OPTIONS ${path}`, head })).toEqual({
      status: 204,
      code: undefined,
      allows: false,
    });
  }
});

const passes = { status: 503, code: 'redis_unavailable' };

describe('gets in', () => {
  test.each<[what: string, attack: Attack]>([
    ['curl', { head: ['User-Agent: curl/8.14.1', 'Accept: */*'] }],
    ['a program that sends no more than it must', {}],
    [
      'fetch of Node.js',
      {
        head: [
          'accept: */*',
          'accept-language: *',
          'sec-fetch-mode: cors',
          'user-agent: node',
          'accept-encoding: gzip, deflate',
        ],
      },
    ],
    ['Python', { head: ['User-Agent: Python-urllib/3.13', 'Accept-Encoding: identity'] }],
    [
      'PowerShell, which takes the name of a browser',
      {
        head: [
          'User-Agent: Mozilla/5.0 (Windows NT 10.0; Microsoft Windows 10.0.19045; en-US) PowerShell/7.4.6',
        ],
      },
    ],
    [
      'a page of its own, which says no more than where it is',
      { head: [...chrome, 'Referer: http://box-1:3000/docs'] },
    ],
    ['a page of its own', { head: fetched('same-origin', 'cors', 'empty') }],
    ['a page of its own that posts', { line: pausing, head: [...chrome, 'Origin: http://box-1:3000'] }],
    [
      'a page of its own behind a proxy that ends TLS',
      { line: submitting, head: ['Host: box-1', 'Origin: https://box-1', json], body: command },
    ],
    [
      'the same, where the proxy says so',
      {
        line: submitting,
        head: ['Host: box-1', 'Origin: https://box-1', 'X-Forwarded-Proto: https', json],
        body: command,
      },
    ],
    [
      'an origin with its dot and port written out',
      { line: submitting, head: ['Host: box-1.:80', 'Origin: http://box-1', json], body: command },
    ],
    [
      'a program with JSON, whatever it calls itself',
      { line: submitting, head: [...chrome.slice(0, 1), json], body: command },
    ],
    [
      'a link to a command, from wherever',
      {
        line: 'GET /commands/01a2017b-11a3-743e-9db2-434e15005157',
        head: fetched('cross-site', 'navigate', 'document'),
      },
    ],
    ['a target that names this host', { line: 'GET http://box-1:3000/commands' }],
  ])('%s', async (_what, request) => {
    expect(await send(onLan, request)).toMatchObject(passes);
  });
});
