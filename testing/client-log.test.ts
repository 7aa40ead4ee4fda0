import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { ClientLog } from './client-log.js';

const submission = { type: 'DELAY', payload: { ms: 1 } };

describe('the client log', () => {
  let server: Server;
  let url: string;
  let log: ClientLog;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  beforeEach(async () => {
    log = new ClientLog();
    server = createServer((request, response) => answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });

  const json =
    (status: number, body: unknown) =>
    (_: IncomingMessage, response: ServerResponse): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };

  test('notes what was accepted, by its key', async () => {
    let seen: unknown;
    answer = (request, response) => {
      seen = [request.method, request.url, request.headers['idempotency-key']];
      json(202, { commandId: 'c' })(request, response);
    };
    await log.submit(url, submission, { idempotencyKey: 'k' });
    expect(seen).toEqual(['POST', '/commands', 'k']);
    expect(log.posts).toEqual([
      { begin: 1, end: 2, idempotencyKey: 'k', count: 1, outcome: 'accepted', ids: ['c'] },
    ]);
    expect(log.accepted()).toEqual(new Set(['c']));
  });

  test('notes a batch', async () => {
    answer = json(202, { commandIds: ['c', 'd'] });
    expect(await log.submitBatch(url, [submission, submission])).toMatchObject({ count: 2, ids: ['c', 'd'] });
    expect(await log.submitBatch(url, [submission])).toMatchObject({ outcome: 'unknown', ids: [] });
  });

  test.each<[string, (request: IncomingMessage, response: ServerResponse) => void, string]>([
    ['a 4xx', json(422, {}), 'refused'],
    ['a 503', json(503, {}), 'unknown'],
    ['a 2xx without an id', json(202, {}), 'unknown'],
    [
      'half an answer',
      (_, response) => response.writeHead(202).write('{"comm', () => response.destroy()),
      'unknown',
    ],
    ['a connection that breaks', (request) => request.socket.resetAndDestroy(), 'unknown'],
    ['no answer in time', () => undefined, 'unknown'],
  ])('takes a submission with %s as it is', async (_, how, outcome) => {
    answer = how;
    expect(await log.submit(url, submission, { timeoutMs: 200 })).toMatchObject({ outcome, ids: [] });
    expect(log.accepted().size).toBe(0);
  });

  test('notes what readers saw, and that there was nothing to see', async () => {
    const view = { commandId: 'c', status: 'PENDING', attempt: 0, result: null };
    answer = json(200, { ...view, type: 'DELAY' });
    expect(await log.read(url, 'c', { waitSeconds: 1 })).toEqual(view);
    answer = json(404, {});
    expect(await log.read(url, 'c')).toBeNull();
    answer = json(503, {});
    expect(await log.read(url, 'c')).toBeUndefined();
    answer = (request) => request.socket.destroy();
    expect(await log.read(url, 'c')).toBeUndefined();
    expect(log.sightings.map((sighting) => sighting.view)).toEqual([view, null]);
  });

  const id = '00000000-0000-7000-8000-000000000001';

  test.each<[string, (request: IncomingMessage, response: ServerResponse) => void, object]>([
    [
      `/commands/${id}/cancel`,
      json(202, { commandId: id, state: 'requested' }),
      { action: 'cancel', commandId: id, finishedAt: null, outcome: 'requested' },
    ],
    [
      `/commands/${id}/retry?finishedAt=then`,
      json(200, { commandId: id, mayStillRun: false }),
      { action: 'retry', commandId: id, finishedAt: 'then', outcome: 'done' },
    ],
    [
      '/commands/retry?status=FAILED',
      json(409, {}),
      { action: 'retry', commandId: null, finishedAt: null, outcome: 'refused' },
    ],
    ['/commands/cancel?status=PENDING', json(503, {}), { commandId: null, outcome: 'unknown' }],
    [`/commands/${id}/cancel`, (request) => request.destroy(), { commandId: id, outcome: 'unknown' }],
  ])('notes what an operator asked for, and what became of it: %s', async (path, how, noted) => {
    answer = how;
    expect(await log.operate(url, path)).toMatchObject(noted);
    expect(log.operations).toMatchObject([noted]);
  });

  test('orders what did not overlap', async () => {
    answer = json(202, { commandId: 'c' });
    await Promise.all([log.submit(url, submission), log.submit(url, submission)]);
    const [first, second] = log.posts;
    expect(second?.begin).toBeLessThan(first?.end ?? 0);
    await log.submit(url, submission);
    expect(log.posts[2]?.begin).toBeGreaterThan(second?.end ?? Infinity);
  });
});
