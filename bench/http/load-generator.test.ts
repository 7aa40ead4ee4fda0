import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { LoadGenerator } from './load-generator.js';

const { signal } = new AbortController();
let server: Server;
let generator: LoadGenerator;
let listener: RequestListener;
let connections: number;

beforeAll(async () => (generator = await LoadGenerator.start()));
afterAll(() => generator.stop());
beforeEach(async () => {
  connections = 0;
  server = createServer((request, response) => listener(request, response));
  server.on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
});
const url = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}/commands`;

it('sends each body over as many connections as are configured, and keeps them', async () => {
  const bodies: string[] = [];
  listener = (request, response) => {
    request.setEncoding('utf8').on('data', (body: string) => bodies.push(`${request.url} ${body}`));
    request.on('end', () => response.writeHead(202).end('{}'));
  };
  const order = { url: url(), body: '{"a":1}', requests: 50, connections: 3 };
  expect(await generator.run(order, signal)).toBeGreaterThan(0);
  expect(await generator.run(order, signal)).toBeGreaterThan(0);
  expect(bodies).toEqual(Array.from({ length: 100 }, () => '/commands {"a":1}'));
  expect(connections).toBe(3);
});

it('fails when a request is answered by anything but 202: a lap that was refused is no result', async () => {
  listener = (_request, response) => response.writeHead(503).end('busy');
  const order = { url: url(), body: '{}', requests: 1, connections: 1 };
  await expect(generator.run(order, signal)).rejects.toThrow(/answered 503: busy/);
});
