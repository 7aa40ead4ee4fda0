import express from 'express';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { createLogger } from '../../shared/runtime/logger.js';
import { TestApi } from '../testing/test-api.js';
import { accessLog, logWith } from './access-log.js';
import { checking } from './middleware-check.js';

let server: Server;
let api: TestApi;
let lines: Record<string, unknown>[];
let onLine: () => void;
beforeEach(async () => {
  lines = [];
  const write = (line: string) => {
    lines.push(JSON.parse(line) as Record<string, unknown>);
    onLine();
  };
  const app = express();
  const logger = createLogger({ side: 'server', level: 'debug', pretty: false, destination: { write } });
  app.use(checking(accessLog(logger)));
  app.get('/commands/:id', (_request, response) => {
    logWith(response, { commandId: 'id-1' });
    response.end();
  });
  app.get('/hang', () => undefined);
  app.get('/health', (_request, response) => void response.end());
  server = createServer((request, response) => void app(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  api = new TestApi(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, true);
});
afterEach(() => new Promise((closed) => server.close(closed)));

const nextLine = () => new Promise<void>((logged) => (onLine = logged));

test('one line per request: method, pattern, status, time, command; nothing that was sent', async () => {
  const logged = nextLine();
  await api.get('/commands/secret-1?token=secret-2', { headers: { authorization: 'secret-3' } });
  await logged;
  expect(lines).toEqual([
    expect.objectContaining({
      level: 'info',
      msg: 'request',
      method: 'GET',
      path: '/commands/:id',
      status: 200,
      ms: expect.any(Number) as number,
      commandId: 'id-1',
    }),
  ]);
  expect(JSON.stringify(lines)).not.toContain('secret');
});

test('a path that no route has is not repeated', async () => {
  const logged = nextLine();
  await api.get('/secret');
  await logged;
  expect(lines).toMatchObject([{ path: '-', status: 404 }]);
});

test('what machines ask all the time is for debugging', async () => {
  const logged = nextLine();
  await api.get('/health');
  await logged;
  expect(lines).toMatchObject([{ level: 'debug', path: '/health' }]);
});

test('says that a client went away without its answer', async () => {
  const logged = nextLine();
  const gone = new AbortController();
  const answer = api.get('/hang', { signal: gone.signal });
  server.once('request', () => gone.abort());
  await expect(answer).rejects.toThrow();
  await logged;
  expect(lines).toMatchObject([{ path: '/hang', aborted: true }]);
});
