import express, { type NextFunction, type Request, type Response } from 'express';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { TestApi } from '../testing/test-api.js';
import { checking } from './check.js';
import { hostGuard, originGuard } from './origin-guard.js';
import { type Problem, sendProblem } from './problem.js';

const servers: Server[] = [];
afterEach(() =>
  Promise.all(servers.splice(0).map((server) => new Promise((closed) => server.close(closed)))),
);

/** @param host what the server is told that it listens on; it listens on loopback */
async function guarded(host: string, names?: readonly string[]): Promise<{ api: TestApi; port: number }> {
  const app = express();
  app.use(checking(hostGuard(host, names)));
  app.get('/', (_request, response) => void response.end());
  app.post('/', checking(originGuard), (_request, response) => void response.end());
  app.use((error: Problem, _request: Request, response: Response, next: NextFunction) => {
    sendProblem(response, error);
    void next;
  });
  const server = createServer((request, response) => void app(request, response));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { api: new TestApi(`http://127.0.0.1:${port}`, true), port };
}

test('on every address only those of loopback and the names that it was told are a Host', async () => {
  const { api } = await guarded('0.0.0.0', ['server']);
  for (const own of ['localhost:3000', 'Server:3000', '127.0.0.1', '[::1]:80']) {
    expect(await api.get('/', { headers: { host: own } })).toMatchObject({ status: 200 });
  }
  for (const foreign of ['evil.example:3000', 'server.evil.example']) {
    expect(await api.get('/', { headers: { host: foreign } })).toMatchObject(refused);
  }
});

const refused = { status: 403, body: { code: 'forbidden_origin' } };

test.each(['127.0.0.1', 'localhost', '::1', '127.0.0.53'])(
  'on loopback (%s) only its own names are a Host',
  async (host) => {
    const { api } = await guarded(host);
    for (const own of ['localhost', 'LOCALHOST:3000', '127.0.0.1:80', '[::1]:3000']) {
      expect(await api.get('/', { headers: { host: own } })).toMatchObject({ status: 200 });
    }
    for (const foreign of [
      'evil.example',
      'evil.example:3000',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
    ]) {
      expect(await api.get('/', { headers: { host: foreign } })).toMatchObject(refused);
    }
  },
);

test.each(['0.0.0.0', '::', '10.0.0.7', 'fencepost.internal'])(
  'on %s any name may be a Host: proxies and containers have their own',
  async (host) => {
    const { api } = await guarded(host);
    expect(await api.get('/', { headers: { host: 'fencepost.example' } })).toMatchObject({ status: 200 });
  },
);

test.each([
  ['a page of another site', { 'sec-fetch-site': 'cross-site' }],
  ['a foreign Origin', { origin: 'https://evil.example' }],
  ['another port', { origin: 'http://127.0.0.1:1' }],
  ['an Origin that is hidden', { origin: 'null' }],
  ['a sandboxed page that says it is the same site', { origin: 'null', 'sec-fetch-site': 'same-site' }],
])('%s may not change anything', async (_what, headers) => {
  const { api } = await guarded('127.0.0.1');
  expect(await api.post('/', undefined, headers)).toMatchObject(refused);
});

test('a page of its own, and whoever is no browser, may', async () => {
  const { api, port } = await guarded('127.0.0.1');
  const own = { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' };
  expect(await api.post('/', undefined, own)).toMatchObject({ status: 200 });
  expect(await api.post('/', undefined)).toMatchObject({ status: 200 });
  // Behind a proxy that ends TLS.
  const proxied = { host: 'localhost', origin: 'https://localhost' };
  expect(await api.post('/', undefined, proxied)).toMatchObject({ status: 200 });
});
