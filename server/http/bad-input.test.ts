import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { appWithoutRedis } from '../testing/app-without-redis.js';
import { TestApi } from '../testing/test-api.js';

let server: Server;
let api: TestApi;
beforeAll(async () => {
  const app = appWithoutRedis();
  server = createServer((request, response) => void app(request, response));
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  api = new TestApi(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterAll(() => new Promise((closed) => server.close(closed)));

interface Refusal {
  readonly status?: number;
  readonly code?: string;
  readonly field?: string;
  readonly message?: RegExp;
}

async function expectRefusal(
  answer: ReturnType<TestApi['send']>,
  { status = 400, code = 'invalid_request', field, message = /./ }: Refusal,
): Promise<void> {
  const { status: given, headers, body } = await answer;
  expect({ given, body }).toMatchObject({ given: status, body: { status, code } });
  expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(body).toMatchObject({
    type: `urn:problem-type:fencepost:${code}`,
    title: expect.any(String) as string,
    detail: expect.any(String) as string,
  });
  if (field !== undefined) {
    expect(body).toHaveProperty('errors');
    const { errors } = body as { errors: { field: string; message: string }[] };
    expect(errors.map((fault) => fault.field)).toContain(field);
    expect(errors.find((fault) => fault.field === field)?.message).toMatch(message);
  }
}

const delay = { type: 'DELAY', payload: { ms: 5 } };
const get = (url: unknown) => ({ type: 'HTTP_GET_JSON', payload: { url } });
const nested = (levels: number): unknown => (levels === 0 ? 1 : [nested(levels - 1)]);

const badSubmissions: [what: string, body: unknown, refusal: Refusal][] = [
  ['a string', '"x"', { field: 'body', message: /JSON object/ }],
  ['null', 'null', { field: 'body' }],
  ['an array', [delay], { field: 'body' }],
  [
    'no type',
    { payload: {} },
    { code: 'unknown_type', field: 'type', message: /required.*DELAY, HTTP_GET_JSON/ },
  ],
  ['an empty object', {}, { code: 'unknown_type', field: 'type' }],
  [
    'a type that is a number',
    { ...delay, type: 7 },
    { code: 'unknown_type', field: 'type', message: /a string/ },
  ],
  [
    'a type that is nearly one',
    { ...delay, type: 'DELYA' },
    { code: 'unknown_type', field: 'type', message: /did you mean DELAY\?/ },
  ],
  [
    'a type in lower case',
    { ...delay, type: 'delay' },
    { code: 'unknown_type', field: 'type', message: /did you mean DELAY\?/ },
  ],
  [
    'a type that nobody knows',
    { ...delay, type: 'FORMAT_DISK' },
    { code: 'unknown_type', field: 'type', message: /known: DELAY/ },
  ],
  [
    'a type named like a property of every object',
    { ...delay, type: '__proto__' },
    { code: 'unknown_type', field: 'type' },
  ],
  ['an unknown field', { ...delay, quee: 'x' }, { field: 'quee', message: /did you mean queue\?/ }],
  [
    '__proto__ as a field',
    '{"type":"DELAY","payload":{"ms":1},"__proto__":{"queue":"x"}}',
    { field: '__proto__' },
  ],
  ['no payload', { type: 'DELAY' }, { field: 'payload', message: /required/ }],
  ['a payload that is null', { ...delay, payload: null }, { field: 'payload', message: /a JSON object/ }],
  ['a payload that is an array', { ...delay, payload: [] }, { field: 'payload' }],
  ['an empty payload', { ...delay, payload: {} }, { field: 'payload.ms', message: /required/ }],
  [
    'an unknown field in the payload',
    { ...delay, payload: { ms: 1, mss: 2 } },
    { field: 'payload.mss', message: /did you mean ms\?/ },
  ],
  [
    '__proto__ in the payload',
    '{"type":"DELAY","payload":{"ms":1,"__proto__":{"ms":2}}}',
    { field: 'payload.__proto__' },
  ],
  [
    'constructor in the payload',
    { ...delay, payload: { ms: 1, constructor: {} } },
    { field: 'payload.constructor' },
  ],
  ...[-1, 86_400_001, 1.5, 1e300, '5', null, true, [1], {}].map((ms): [string, unknown, Refusal] => [
    `ms ${JSON.stringify(ms)}`,
    { ...delay, payload: { ms } },
    { field: 'payload.ms', message: /whole number from 0 to 86400000/ },
  ]),
  ['ms beyond every number', '{"type":"DELAY","payload":{"ms":1e999}}', { field: 'payload.ms' }],
  ...[
    '',
    'x',
    'ftp://host/',
    'file:///etc/passwd',
    'javascript:alert(1)',
    'http://',
    'http://u:p@host/',
    '//host/',
    'http://a b/',
    7,
    null,
  ].map((url): [string, unknown, Refusal] => [
    `url ${JSON.stringify(url)}`,
    get(url),
    { field: 'payload.url' },
  ]),
  [
    'a url that is too long',
    get(`http://host/${'x'.repeat(2048)}`),
    { field: 'payload.url', message: /at most 2048/ },
  ],
  [
    'a status that is none',
    { type: 'HTTP_GET_JSON', payload: { url: 'http://host/', retryOnStatus: [200, 99] } },
    { field: 'payload.retryOnStatus[1]', message: /from 100 to 599/ },
  ],
  [
    'a payload that is too large',
    { type: 'HTTP_GET_JSON', payload: { url: 'http://host/', retryOnStatus: Array(20_000).fill(429) } },
    { field: 'payload', message: /at most 65536 bytes/ },
  ],
  ['a queue with a slash', { ...delay, queue: 'a/b' }, { field: 'queue', message: /1 to 64 letters/ }],
  ['an empty queue', { ...delay, queue: '' }, { field: 'queue' }],
  ['a queue that is too long', { ...delay, queue: 'q'.repeat(65) }, { field: 'queue' }],
  ['timeoutMs 0', { ...delay, timeoutMs: 0 }, { field: 'timeoutMs', message: /at least 1/ }],
  [
    'a timeoutMs of more than 30 days',
    { ...delay, timeoutMs: 30 * 86_400_000 + 1 },
    { field: 'timeoutMs', message: /at most 2592000000/ },
  ],
  [
    'a timeoutMs that is text',
    { ...delay, timeoutMs: '5' },
    { field: 'timeoutMs', message: /a number|whole number/ },
  ],
  ['ttlMs 0', { ...delay, ttlMs: 0 }, { field: 'ttlMs' }],
  [
    'a ttlMs that ends before the start',
    { ...delay, ttlMs: 5, delayMs: 5 },
    { field: 'ttlMs', message: /delayMs/ },
  ],
  [
    'a ttlMs that ends before runAt',
    { ...delay, ttlMs: 5, runAt: new Date(Date.now() + 60_000).toISOString() },
    { field: 'ttlMs', message: /runAt/ },
  ],
  ['a negative delayMs', { ...delay, delayMs: -1 }, { field: 'delayMs' }],
  ['a runAt that is no time', { ...delay, runAt: 'tomorrow' }, { field: 'runAt', message: /such as 2026/ }],
  ['a runAt without a zone', { ...delay, runAt: '2026-01-31T12:00:00' }, { field: 'runAt' }],
  [
    'a runAt in a hundred years',
    { ...delay, runAt: '2126-01-31T12:00:00Z' },
    { field: 'runAt', message: /at most 31536000000 ms/ },
  ],
  [
    'runAt and delayMs',
    { ...delay, runAt: '2026-01-31T12:00:00Z', delayMs: 5 },
    { field: 'delayMs', message: /not both/ },
  ],
  [
    'another onAgentLost',
    { ...delay, onAgentLost: 'panic' },
    { field: 'onAgentLost', message: /fail, retry/ },
  ],
  ['maxLosses 0', { ...delay, maxLosses: 0 }, { field: 'maxLosses' }],
  [
    'a maxAttempts of more than 100',
    { ...delay, maxAttempts: 101 },
    { field: 'maxAttempts', message: /at most 100/ },
  ],
  ['JSON that ends too early', '{"type":', { code: 'malformed_json' }],
  ['no JSON', 'type=DELAY', { code: 'malformed_json' }],
  ['JSON with a comma too many', '{"type":"DELAY",}', { code: 'malformed_json' }],
  [
    'JSON that is too deep',
    { ...delay, payload: nested(100) },
    { field: 'body', message: /at most 64 levels/ },
  ],
  [
    'JSON that is far too deep',
    `{"type":"DELAY","payload":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    { field: 'body' },
  ],
  [
    'a body that is too large',
    { ...delay, payload: 'x'.repeat(256 * 1024) },
    { status: 413, code: 'body_too_large', field: 'body', message: /262144 bytes/ },
  ],
];

describe('POST /commands refuses', () => {
  test.each(badSubmissions)('%s', async (_what, body, refusal) => {
    const headers = { 'content-type': 'application/json' };
    await expectRefusal(api.send('POST', '/commands', { body, headers }), refusal);
  });

  test.each<[string, Record<string, string>, Refusal]>([
    ['no body and no type', {}, { status: 415, code: 'unsupported_media_type' }],
    [
      'a form',
      { 'content-type': 'application/x-www-form-urlencoded' },
      { status: 415, code: 'unsupported_media_type' },
    ],
    ['text', { 'content-type': 'text/plain' }, { status: 415, code: 'unsupported_media_type' }],
    [
      'another charset',
      { 'content-type': 'application/json; charset=latin1' },
      { status: 415, code: 'unsupported_media_type' },
    ],
    [
      'a compressed body',
      { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      { status: 415, code: 'unsupported_media_type' },
    ],
    [
      'a body that says it is huge',
      { 'content-type': 'application/json', 'content-length': '99999999999' },
      { status: 413, code: 'body_too_large' },
    ],
  ])('%s', async (what, headers, refusal) => {
    const body = what === 'no body and no type' ? undefined : JSON.stringify(delay);
    await expectRefusal(
      api.send('POST', '/commands', { ...(body === undefined ? {} : { body }), headers }),
      refusal,
    );
  });

  test.each([
    ['', ''],
    ['with a space', 'a b'],
    ['that is not ASCII', '\u00fc'],
    ['of 256 characters', 'k'.repeat(256)],
  ])('an Idempotency-Key %s', async (_what, key) => {
    await expectRefusal(api.post('/commands', delay, { 'idempotency-key': key }), {
      field: 'Idempotency-Key',
      message: /1 to 255 visible ASCII/,
    });
  });
});

describe('POST /commands/batch refuses', () => {
  test.each<[string, unknown, Refusal]>([
    ['an array', [delay], { field: 'body' }],
    ['no commands', {}, { field: 'commands', message: /required/ }],
    ['commands that are no array', { commands: delay }, { field: 'commands', message: /an array/ }],
    ['an empty list', { commands: [] }, { field: 'commands', message: /at least 1 items/ }],
    [
      '1001 commands',
      { commands: Array(1001).fill(delay) },
      { field: 'commands', message: /at most 1000 items/ },
    ],
    [
      'an unknown field',
      { commands: [delay], command: 1 },
      { field: 'command', message: /did you mean commands\?/ },
    ],
    [
      'a command that is none',
      { commands: [delay, 'x'] },
      { field: 'commands[1]', message: /a JSON object/ },
    ],
    [
      'one bad payload',
      { commands: [delay, delay, delay, get('ftp://x')] },
      { field: 'commands[3].payload.url' },
    ],
    [
      'one unknown type',
      { commands: [delay, { ...delay, type: 'X' }] },
      { code: 'unknown_type', field: 'commands[1].type' },
    ],
    ['one unknown field', { commands: [{ ...delay, x: 1 }] }, { field: 'commands[0].x' }],
    [
      'a body of more than 8 MiB',
      { commands: ['x'.repeat(8 * 1024 * 1024)] },
      { status: 413, code: 'body_too_large', message: /8388608/ },
    ],
  ])('%s', async (_what, body, refusal) => {
    await expectRefusal(api.post('/commands/batch', body), refusal);
  });

  test('an Idempotency-Key, which could not be kept', async () => {
    await expectRefusal(api.post('/commands/batch', { commands: [delay] }, { 'idempotency-key': 'k' }), {
      field: 'Idempotency-Key',
    });
  });

  test('more faults than it lists', async () => {
    const { body } = await api.post('/commands/batch', { commands: Array(1000).fill({ type: 'X' }) });
    expect(body).toMatchObject({ detail: expect.stringContaining('and at least 19 more') as string });
    expect((body as { errors: unknown[] }).errors).toHaveLength(20);
  });
});

const id = '01a2017b-11a3-743e-9db2-434e15005157';

describe('GET refuses', () => {
  test.each<[string, Refusal]>([
    ['/commands?limit=0', { field: 'limit', message: /from 1 to 200/ }],
    ['/commands?limit=201', { field: 'limit' }],
    ['/commands?limit=-1', { field: 'limit' }],
    ['/commands?limit=1e2', { field: 'limit' }],
    ['/commands?limit=', { field: 'limit' }],
    ['/commands?limit=5&limit=6', { field: 'limit' }],
    ['/commands?status=pending', { field: 'status', message: /PENDING, RUNNING/ }],
    ['/commands?status=', { field: 'status' }],
    ['/commands?type=a/b', { field: 'type' }],
    ['/commands?queue=*', { field: 'queue' }],
    ['/commands?statu=PENDING', { field: 'statu', message: /did you mean status\?/ }],
    ['/commands?cursor=x', { field: 'cursor' }],
    ['/commands?cursor=', { field: 'cursor' }],
    [`/commands?cursor=${'x'.repeat(400)}`, { field: 'cursor' }],
    ['/commands?cursor=a&cursor=b', { field: 'cursor', message: /once/ }],
    [`/commands/${id}?wait=61`, { field: 'wait', message: /from 0 to 60/ }],
    [`/commands/${id}?wait=-1`, { field: 'wait' }],
    [`/commands/${id}?wait=1.5`, { field: 'wait' }],
    [`/commands/${id}?wait=soon`, { field: 'wait' }],
    [`/commands/${id}?wiat=1`, { field: 'wiat', message: /did you mean wait\?/ }],
    ['/events?commandId=7', { field: 'commandId', message: /the id of one command/ }],
    ['/events?commandId=', { field: 'commandId' }],
    [`/events?commandId=${id}&commandId=${id}`, { field: 'commandId' }],
    ['/events?commandID=7', { field: 'commandID', message: /did you mean commandId\?/ }],
    ['/commands/%zz', { field: 'path' }],
    ['/%zz', { field: 'path' }],
    ['/commands/%ff', { field: 'path' }],
    ['/commands/x', { status: 404, code: 'not_found' }],
    [`/commands/${id}x`, { status: 404, code: 'not_found' }],
    ['/commands/..%2f..%2fetc', { status: 404, code: 'not_found' }],
    ['/nothing', { status: 404, code: 'not_found' }],
    ['/__proto__', { status: 404, code: 'not_found' }],
  ])('%s', async (path, refusal) => {
    await expectRefusal(api.get(path), refusal);
  });
});

describe('methods', () => {
  test.each([
    ['DELETE', '/commands', 'POST, GET, HEAD, OPTIONS'],
    ['PUT', `/commands/${id}`, 'GET, HEAD, OPTIONS'],
    ['GET', '/commands/batch', 'POST, OPTIONS'],
    ['POST', '/health', 'GET, HEAD, OPTIONS'],
    ['POST', '/events', 'GET, HEAD, OPTIONS'],
    ['POST', '/', 'GET, HEAD, OPTIONS'],
  ])('%s %s is not one of %s', async (method, path, allow) => {
    const answer = api.send(method, path);
    await expectRefusal(answer, { status: 405, code: 'method_not_allowed' });
    expect((await answer).headers.allow).toBe(allow);
  });

  test('OPTIONS names those that a path knows', async () => {
    expect(await api.send('OPTIONS', '/commands/batch')).toMatchObject({
      status: 204,
      headers: { allow: 'POST, OPTIONS' },
    });
  });
});
