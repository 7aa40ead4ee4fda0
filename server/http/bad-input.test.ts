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
    'a type that no agent knows',
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
  [
    'ms beyond every number',
    '{"type":"DELAY","payload":{"ms":1e999}}',
    { field: 'payload.ms', message: /cannot be kept; send it as a string/ },
  ],
  [
    'an id that no double holds',
    '{"type":"DELAY","payload":{"ms":5,"ids":[1,3889108265204450030]}}',
    { field: 'payload.ids[1]', message: /cannot be kept; send it as a string/ },
  ],
  [
    'a name that is given twice',
    '{"type":"DELAY","payload":{"ms":5,"ms":6}}',
    { field: 'payload.ms', message: /twice/ },
  ],
  ['no JSON at all', '', { code: 'malformed_json' }],
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
    ...['utf-16', 'utf-16le', 'utf-7', 'utf-32', 'iso-8859-1', '', 'utf-8; charset=utf-7', '"utf-7"'].map(
      (charset): [string, Record<string, string>, Refusal] => [
        `charset=${charset}`,
        { 'content-type': `application/json; charset=${charset}` },
        { status: 415, code: 'unsupported_media_type' },
      ],
    ),
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

  test.each<[what: string, charset: string, body: Buffer]>([
    ['a lone continuation byte', 'utf-8', Buffer.from('{"s":"\xff"}', 'latin1')],
    [
      'two others: a decoder would make the same text of both',
      'utf-8',
      Buffer.from('{"s":"\xfe"}', 'latin1'),
    ],
    ['half a surrogate pair', 'utf-8', Buffer.from('{"s":"\xed\xa0\x80"}', 'latin1')],
    ['an overlong slash', 'utf-8', Buffer.from('{"s":"\xc0\xaf"}', 'latin1')],
    ['a character that is cut off', 'utf-8', Buffer.from('{"s":"\xe2\x82"}', 'latin1')],
    ['UTF-16', 'utf-8', Buffer.from('\ufeff{"s":"x"}', 'utf16le')],
    ['what is not ASCII, as ASCII', 'us-ascii', Buffer.from('{"s":"\u00fc"}')],
  ])('bytes that are not the text that they should be: %s', async (_what, charset, bytes) => {
    const answer = await fetch(`${api.url}/commands`, {
      method: 'POST',
      body: new Uint8Array(bytes),
      headers: { 'content-type': `application/json; charset=${charset}` },
    });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      code: 'malformed_json',
      errors: [{ field: 'body', message: charset === 'utf-8' ? 'must be UTF-8' : /US-ASCII/ }].map(
        ({ field, message }) => ({ field, message: expect.stringMatching(message) as string }),
      ),
    });
  });

  test('and takes any of the names of UTF-8, with a byte order mark or without', async () => {
    for (const charset of ['utf-8', 'UTF8', '"utf-8"', 'us-ascii']) {
      const bom = charset === 'us-ascii' ? '' : '\ufeff';
      const headers = { 'content-type': `application/json; charset=${charset}` };
      const answer = api.send('POST', '/commands', { body: bom + JSON.stringify(delay), headers });
      await expectRefusal(answer, { status: 503, code: 'redis_unavailable' });
    }
  });

  test('two keys for one command', async () => {
    const body = { ...delay, idempotencyKey: 'a' };
    await expectRefusal(api.post('/commands', body, { 'idempotency-key': 'b' }), {
      field: 'idempotencyKey',
      message: /the header Idempotency-Key/,
    });
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
      'one number that no double holds',
      `{"commands":[${JSON.stringify(delay)},{"type":"DELAY","payload":{"ms":9007199254740993}}]}`,
      { field: 'commands[1].payload.ms', message: /cannot be kept/ },
    ],
    [
      'a body of more than 8 MiB',
      { commands: ['x'.repeat(8 * 1024 * 1024)] },
      { status: 413, code: 'body_too_large', message: /8388608/ },
    ],
  ])('%s', async (_what, body, refusal) => {
    const headers = { 'content-type': 'application/json' };
    await expectRefusal(api.send('POST', '/commands/batch', { body, headers }), refusal);
  });

  test('keys that are none', async () => {
    await expectRefusal(api.post('/commands/batch', { commands: [delay] }, { 'idempotency-key': 'a b' }), {
      field: 'Idempotency-Key',
    });
    await expectRefusal(
      api.post('/commands/batch', { commands: [delay, { ...delay, idempotencyKey: '' }] }),
      {
        field: 'commands[1].idempotencyKey',
        message: /1 to 255 visible ASCII/,
      },
    );
  });

  test('more faults than it lists', async () => {
    const { body } = await api.post('/commands/batch', { commands: Array(1000).fill({ type: 'X' }) });
    expect(body).toMatchObject({ detail: expect.stringContaining('and at least 19 more') as string });
    expect((body as { errors: unknown[] }).errors).toHaveLength(20);
  });
});

const id = '01a2017b-11a3-743e-9db2-434e15005157';

describe('what agents send is refused where it would not come back as it was written', () => {
  test.each([
    [
      'PUT',
      `/commands/${id}/result`,
      '{"agentId":"a","status":"COMPLETED","result":{"id":1e999}}',
      'result.id',
    ],
    [
      'PUT',
      `/commands/${id}/result`,
      '{"agentId":"a","status":"COMPLETED","result":{"list":[9007199254740993]}}',
      'result.list[0]',
    ],
    [
      'POST',
      '/commands/progress',
      `{"agentId":"a","told":[{"commandId":"${id}","attempt":1,"sequence":1,"progress":9007199254740993}]}`,
      'told[0].progress',
    ],
    [
      'PUT',
      '/agents/a',
      '{"session":"s","types":[{"type":"E","payload":{"maximum":9007199254740993},"result":{}}]}',
      'types[0].payload.maximum',
    ],
  ])('%s %s %s', async (method, path, body, field) => {
    const headers = { 'content-type': 'application/json' };
    await expectRefusal(api.send(method, path, { body, headers }), { field, message: /cannot be kept/ });
  });
});

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
