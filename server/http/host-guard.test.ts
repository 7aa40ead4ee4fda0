import express, { type NextFunction, type Request, type Response } from 'express';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { TestApi } from '../testing/test-api.js';
import { checking } from './middleware-check.js';
import { hostGuard } from './host-guard.js';
import { type Problem, sendProblem } from './problem.js';

const servers: Server[] = [];
afterEach(() =>
  Promise.all(servers.splice(0).map((server) => new Promise((closed) => server.close(closed)))),
);

/** @param host what the server is told that it listens on; it listens on loopback */
async function guarded(host: string, names?: readonly string[]): Promise<TestApi> {
  const app = express();
  app.use(checking(hostGuard(host, names)));
  app.get('/', (_request, response) => void response.end());
  app.use((error: Problem, _request: Request, response: Response, next: NextFunction) => {
    sendProblem(response, error);
    void next;
  });
  const server = createServer((request, response) => void app(request, response));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return new TestApi(`http://127.0.0.1:${port}`, true);
}

test('on every address only those of loopback and the configured names are a Host', async () => {
  const api = await guarded('0.0.0.0', ['server']);
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
    const api = await guarded(host);
    for (const own of [
      'localhost',
      'LOCALHOST:3000',
      'localhost.',
      'localhost.:3000',
      '127.0.0.1:80',
      '[::1]:3000',
    ]) {
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
  'on %s programs may use any name as a Host: proxies and containers have their own',
  async (host) => {
    const api = await guarded(host);
    expect(await api.get('/', { headers: { host: 'fencepost.example' } })).toMatchObject({ status: 200 });
  },
);

const browser = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0' };

test('where it cannot know its names, a browser may use those that no foreign site can have', async () => {
  const api = await guarded('0.0.0.0');
  for (const own of ['192.168.1.7:3000', '[fd00::7]:3000', 'box-1:3000', 'box-1.local', 'LOCALHOST.:3000']) {
    expect(await api.get('/', { headers: { ...browser, host: own } })).toMatchObject({ status: 200 });
  }
  for (const foreign of [
    'evil.example:3000',
    '7.evil.example',
    '192.168.1.7.evil.example',
    'box-1.local.evil.example',
  ]) {
    const { status, body } = await api.get('/', { headers: { ...browser, host: foreign } });
    expect({ status, body }).toMatchObject(refused);
    expect(body).toMatchObject({ detail: expect.stringContaining('ALLOWED_HOSTS') as string });
  }
});
