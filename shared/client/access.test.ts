import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type RequestListener, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { noFaults } from '../runtime/faults.js';
import { createLogger } from '../runtime/logger.js';
import { HttpTransport, type HttpTransportOptions } from '../../agent/transport/http-transport.js';
import { createClient } from './client.js';

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

/** Starts a server that answers by `answer`, and records the headers that it was sent. */
async function listen(answer: RequestListener) {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((request, response) => {
    seen.push(request.headers);
    answer(request, response);
  });
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { seen, host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const agents: RequestListener = (_, response) => void response.end('{"agents":[]}');
const status =
  (code: number, headers: Record<string, string> = {}): RequestListener =>
  (_, response) =>
    void response.writeHead(code, headers).end();
const basic = `Basic ${Buffer.from('me:s3cret').toString('base64')}`;

test('each request carries the user and password of the URL, or the token and headers', async () => {
  const { seen, host } = await listen(agents);
  const byUrl = createClient({ url: `http://me:s3cret@${host}` });
  const byToken = createClient({ url: `http://${host}`, token: 't0ken', headers: { 'X-Team': 'blue' } });
  await byUrl.agents();
  await byToken.agents();
  expect(seen.map(({ authorization, 'x-team': team }) => [authorization, team])).toEqual([
    [basic, undefined],
    ['Bearer t0ken', 'blue'],
  ]);
  await Promise.all([byUrl.close(), byToken.close()]);
});

test.each([301, 302, 307, 308])(
  'a redirect (%d) is not followed: credentials go nowhere else',
  async (code) => {
    const elsewhere = await listen(agents);
    const { host } = await listen(
      status(code, { location: `http://u:p@${elsewhere.host}/agents?next=s3cret` }),
    );
    const client = createClient({ url: `http://me:s3cret@${host}` });
    await expect(client.agents()).rejects.toMatchObject({
      name: 'RequestRejectedError',
      status: code,
      message: `the server answered ${code}, a redirect to http://${elsewhere.host}: it is not followed; name the server itself`,
    });
    expect(elsewhere.seen).toEqual([]);
    await client.close();
  },
);

test('a proxy that wants credentials is named as such', async () => {
  const { host } = await listen(status(401, { 'www-authenticate': 'Basic' }));
  const client = createClient({ url: `http://${host}` });
  await expect(client.agents()).rejects.toThrow(
    'it asks for credentials (a token, or user:password@ in its URL)',
  );
  await client.close();
});

test('errors name the servers without what lets a caller in', async () => {
  const { host } = await listen(status(503));
  const client = createClient({ url: `http://me:s3cret@${host}`, retryForMs: 0 });
  await expect(client.agents()).rejects.toMatchObject({ message: `http://${host}/: it answered 503` });
  await client.close();
});

test('of several servers the next one is asked when one does not answer, and stays the first to be asked', async () => {
  const away = await listen(status(503));
  const there = await listen(agents);
  const words: string[] = [];
  const client = createClient({
    url: [`http://me:s3cret@${away.host}`, `http://${there.host}`],
    onAway: (reason) => words.push(reason),
    onBack: () => words.push('back'),
  });
  expect(await client.agents()).toEqual([]);
  expect(await client.agents()).toEqual([]);
  expect([away.seen.length, there.seen.length]).toEqual([1, 2]);
  expect(there.seen.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  expect(words).toEqual([`http://${away.host}/, http://${there.host}/: it answered 503`, 'back']);
  await client.close();
});

test('a batch whose answer was lost is sent to another server with the same key', async () => {
  const keys: unknown[] = [];
  const keyed: RequestListener = (request, response) => {
    keys.push(request.headers['idempotency-key']);
    if (keys.length === 1) request.socket.destroy();
    else response.writeHead(202, { 'content-type': 'application/json' }).end('{"commandIds":[]}');
  };
  const torn = await listen(keyed);
  const other = await listen(keyed);
  const client = createClient({ url: [`http://${torn.host}`, `http://${other.host}`] });
  await client.submitBatch([{ type: 'DELAY', payload: {} }]);
  expect(keys).toEqual([expect.stringMatching(/./) as string, keys[0]]);
  await client.close();
});

test('that servers are away is reported once for all calls, and again after they were there', async () => {
  let isAway = true;
  const { host } = await listen((request, response) => (isAway ? status(503) : agents)(request, response));
  const words: string[] = [];
  const client = createClient({
    url: `http://${host}`,
    onAway: () => {
      words.push('away');
      setImmediate(() => (isAway = false));
    },
    onBack: () => words.push('back'),
  });
  await Promise.all([client.agents(), client.agents(), client.agents()]);
  expect(words[0]).toBe('away');
  expect(words.filter((word) => word === 'away')).toHaveLength(
    words.filter((word) => word === 'back').length,
  );
  const before = words.length;
  isAway = true;
  await client.agents();
  expect(words.slice(before)).toEqual(['away', 'back']);
  await client.close();
});

test('an agent over HTTP carries them, too, and what it is answered by the proxy is named', async () => {
  const { seen, host } = await listen(status(401));
  const transport = new HttpTransport({
    serverUrls: [`http://${host}`],
    credentials: { token: 't0ken', headers: { 'X-Team': 'blue' } },
    agent: Object.assign({} as HttpTransportOptions['agent'], { agentId: 'a', instance: 'i', boot: 1 }),
    description: { host: 'h', pid: 1, version: '1', queues: ['default'], types: [], concurrency: 1 },
    ...{ leaseMs: 60_000, pollIntervalMs: 1000, faults: noFaults },
    logger: createLogger({ side: 'agent', level: 'silent' }),
  });
  await expect(transport.register()).rejects.toThrow('it asks for credentials');
  expect(seen).toEqual([expect.objectContaining({ authorization: 'Bearer t0ken', 'x-team': 'blue' })]);
  transport.close();
});
