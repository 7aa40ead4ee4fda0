import { HttpServer } from './http-server.js';
import { appWithoutRedis } from '../testing/app-without-redis.js';
import { TestApi } from '../testing/test-api.js';

let server: HttpServer;
let api: TestApi;
beforeAll(async () => {
  const app = appWithoutRedis();
  server = new HttpServer({
    listener: (request, response) => void app(request, response),
    host: '127.0.0.1',
    port: 0,
    graceMs: 0,
  });
  await server.start();
  api = new TestApi(server.url);
});
afterAll(() => server.stop());

const asBrowsersAsk = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' };

test('at / a browser gets a page, and a program JSON', async () => {
  const page = await api.get('/', { headers: asBrowsersAsk });
  expect(page).toMatchObject({
    status: 200,
    headers: { 'content-type': 'text/html; charset=utf-8', vary: 'Accept', 'x-frame-options': 'DENY' },
    body: expect.stringContaining('<h1>Fencepost</h1>') as string,
  });
  const headers = { ...asBrowsersAsk, 'if-none-match': page.headers.etag ?? '' };
  expect((await api.get('/', { headers })).status).toBe(304);
  for (const accept of ['*/*', 'application/json', 'application/json, text/html;q=0.5']) {
    expect(await api.get('/', { headers: { accept } })).toMatchObject({
      status: 200,
      body: { name: 'fencepost' },
    });
  }
  expect((await api.get('/')).body).toMatchObject({ name: 'fencepost' });
});

test('every link of the page leads to something, below whatever path a proxy serves it', async () => {
  const { body, headers } = await api.get('/', { headers: asBrowsersAsk });
  const links = [...String(body).matchAll(/href="([^"]+)"/g)].map(([, link = '']) => link);
  expect(links.length).toBeGreaterThan(10);
  // No script, and nothing from elsewhere.
  expect(String(body)).not.toMatch(/<script|\/\//);
  expect(headers['content-security-policy']).toBe(
    "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  for (const link of links.filter((one) => !one.startsWith('data:'))) {
    expect(link).not.toMatch(/^\//);
    // Redis is away: what asks it is 503.
    expect([200, 503]).toContain((await api.send('HEAD', `/${link}`)).status);
  }
});

test('every answer has the headers that keep browsers from misusing it', async () => {
  for (const path of ['/health', '/commands', '/nothing', '/commands/next?agentId=a&queues=']) {
    expect((await api.get(path)).headers).toMatchObject({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'x-frame-options': 'DENY',
      'referrer-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
  }
});
