import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Status } from '../../shared/protocol/commands.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { type Block, EventClient } from '../testing/event-client.js';
import { type TransitionListener } from './transition-feed.js';
import { EventStreams, type EventStreamsOptions } from './event-streams.js';

const logger = createLogger({ side: 'server', level: 'silent', pretty: false });

/** The listener through which the fake feed sends. */
let listener: TransitionListener | undefined;
const feed = {
  listenToAll(given: TransitionListener) {
    listener = given;
    return () => void (listener = undefined);
  },
};
const say = (id: string, status: Status = 'RUNNING', attempt = 1) =>
  listener?.onTransition({ id, status, attempt, progress: null });
const gap = () => listener?.onGap();

let streams: EventStreams;
let server: Server;
let directory: string;
let socketPath: string;
let responses: ServerResponse[];
let clients: EventClient[];

async function begin(options: Partial<EventStreamsOptions> = {}): Promise<void> {
  streams = new EventStreams({ feed, logger, heartbeatMs: 1_000_000, ...options });
  await streams.start();
}
beforeEach(async () => {
  responses = [];
  clients = [];
  server = createServer((request, response) => {
    responses.push(response);
    response.writeHead(200).flushHeaders();
    const commandId =
      new URL(request.url ?? '', 'http://localhost').searchParams.get('commandId') ?? undefined;
    const given = request.headers['last-event-id'];
    streams.open(response, { commandId, lastEventId: given === undefined ? undefined : String(given) });
  });
  // Not TCP: its buffers grow to tens of megabytes before a client that does not read fills them.
  directory = await mkdtemp(join(tmpdir(), 'fencepost-events-'));
  socketPath = join(directory, 'socket');
  server.listen(socketPath);
  await once(server, 'listening');
});
afterEach(async () => {
  await streams.stop();
  expect({ streams: streams.size, listening: listener }).toEqual({ streams: 0, listening: undefined });
  clients.forEach((client) => client.close());
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
  await rm(directory, { recursive: true });
});

async function listenIn(query = '', headers: Readonly<Record<string, string>> = {}): Promise<EventClient> {
  const client = await EventClient.open(`http://localhost/${query}`, headers, socketPath);
  clients.push(client);
  return client;
}
const rejoin = (lastEventId: string, query = '') => listenIn(query, { 'last-event-id': lastEventId });

/** `c1 RUNNING 1`, `resync gap`. */
const wordsOf = ({ event, data }: Block) =>
  event === 'transition'
    ? ['commandId', 'status', 'attempt'].map((name) => (data as Record<string, unknown>)[name]).join(' ')
    : `${event} ${(data as { reason: string }).reason}`;
const told = (client: EventClient) => client.events.map(wordsOf);
const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/**
 * Lets things happen, a hundred per event-loop tick, until the response takes nothing more.
 *
 * @param happen the nth thing, from 1 on
 * @returns how many there were
 */
async function fill(response: ServerResponse, happen = (n: number) => say(`c${n}`)): Promise<number> {
  let count = 0;
  // The kernel takes an unknown amount: a response is full when it stays so for 50 ticks.
  for (
    let fullTurns = 0;
    fullTurns < 50 && !response.destroyed;
    fullTurns = response.writableNeedDrain ? fullTurns + 1 : 0
  ) {
    for (let n = 0; n < 100; n++) happen(++count);
    await new Promise(setImmediate);
  }
  return count;
}

describe('a stream', () => {
  test('sends what happens from now on, in order', async () => {
    await begin();
    say('c0', 'PENDING', 0);
    const client = await listenIn();
    say('c1', 'PENDING', 0);
    say('c1', 'RUNNING', 1);
    await client.untilEvents(2);
    say('c1', 'COMPLETED', 1);
    await client.untilEvents(3);
    expect(told(client)).toEqual(['c1 PENDING 0', 'c1 RUNNING 1', 'c1 COMPLETED 1']);
    expect(client.events[0]).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{12}-2$/) as string,
      event: 'transition',
      data: {
        commandId: 'c1',
        status: 'PENDING',
        attempt: 0,
        progress: null,
        at: expect.any(String) as string,
      },
    });
  });

  test('begins with an id, so that a client that has received nothing yet loses nothing', async () => {
    await begin();
    say('c0');
    const client = await listenIn();
    await client.until(({ id }) => id !== undefined);
    expect(client.blocks).toEqual([{ retry: expect.any(String) as string, id: client.lastEventId }]);
    expect(Number(client.blocks[0]?.retry)).toBeGreaterThanOrEqual(1000);
    client.close();
    say('c1');
    const again = await rejoin(client.lastEventId);
    await again.untilEvents(1);
    expect(told(again)).toEqual(['c1 RUNNING 1']);
  });

  test('of one command sends no event of another', async () => {
    await begin();
    const client = await listenIn('?commandId=c2');
    for (const id of ['c1', 'c2', 'c3']) say(id);
    say('c2', 'COMPLETED');
    await client.untilEvents(2);
    expect(told(client)).toEqual(['c2 RUNNING 1', 'c2 COMPLETED 1']);
  });

  test('beats when nothing happens, and its id does not grow old', async () => {
    await begin({ heartbeatMs: 5, kept: 10 });
    const client = await listenIn('?commandId=c1');
    for (const n of numbers(1, 100)) say(`other-${n}`);
    await client.until(({ comment, id }) => comment === 'heartbeat' && id?.endsWith('-100') === true);
    expect(client.events).toEqual([]);
    const again = await rejoin(client.lastEventId, '?commandId=c1');
    say('c1');
    await again.untilEvents(1);
    expect(told(again)).toEqual(['c1 RUNNING 1']);
  });

  test('whose client went away is let go', async () => {
    await begin();
    const all = await Promise.all([listenIn(), listenIn('?commandId=c1'), listenIn('?commandId=c1')]);
    expect(streams.size).toBe(3);
    const closed = responses.map((response) => once(response, 'close'));
    all.forEach((client) => client.close());
    await Promise.all(closed);
    expect(streams.size).toBe(0);
    say('c1');
  });

  test('costs one text per event, however many there are', async () => {
    await begin();
    const all = await Promise.all(numbers(1, 50).map(() => listenIn()));
    const texts = jest.spyOn(JSON, 'stringify');
    for (const n of numbers(1, 20)) say(`c${n}`);
    await Promise.all(all.map((client) => client.untilEvents(20)));
    expect(texts).toHaveBeenCalledTimes(20);
    texts.mockRestore();
  });
});

describe('a client that comes back', () => {
  test('is sent what it missed, and nothing twice', async () => {
    await begin();
    const client = await listenIn();
    for (const n of numbers(1, 5)) say(`c${n}`);
    await client.untilEvents(5);
    client.close();
    for (const n of numbers(6, 2000)) say(`c${n}`);
    const again = await rejoin(client.lastEventId);
    say('c2001');
    await again.untilEvents(1996);
    expect(told(again)).toEqual(numbers(6, 2001).map((n) => `c${n} RUNNING 1`));
  });

  test('is sent events of its one command only', async () => {
    await begin();
    const client = await listenIn('?commandId=c2');
    await client.until(({ id }) => id !== undefined);
    for (const id of ['c1', 'c2', 'c3']) say(id);
    const again = await rejoin(client.lastEventId, '?commandId=c2');
    say('c2', 'COMPLETED');
    await again.untilEvents(2);
    expect(told(again)).toEqual(['c2 RUNNING 1', 'c2 COMPLETED 1']);
  });

  test.each([
    ['that is no longer kept', (id: string) => id],
    ['of another run', (id: string) => id.replace(/^./, (first) => (first === '0' ? '1' : '0'))],
    ['that was never given', (id: string) => id.replace(/\d+$/, '99')],
    ['that is none', () => 'nonsense'],
  ])('with an id %s is first asked to read again', async (_which, made) => {
    await begin({ kept: 10 });
    const client = await listenIn();
    await client.until(({ id }) => id !== undefined);
    for (const n of numbers(1, 11)) say(`c${n}`);
    const again = await rejoin(made(client.lastEventId));
    say('c12');
    await again.untilEvents(2);
    expect(told(again)).toEqual(['resync unknown_id', 'c12 RUNNING 1']);
    // Nothing before it either: even a client that knows no blocks without data takes it for the first.
    expect(again.blocks[0]).toMatchObject({ event: 'resync', id: expect.stringMatching(/-11$/) as string });
  });
});

describe('a gap in the feed', () => {
  test('is announced to every client, after it is over', async () => {
    await begin();
    const all = await Promise.all([listenIn(), listenIn('?commandId=c1')]);
    say('c1');
    gap();
    say('c1', 'COMPLETED');
    for (const client of all) {
      await client.untilEvents(3);
      expect(told(client)).toEqual(['c1 RUNNING 1', 'resync gap', 'c1 COMPLETED 1']);
    }
  });

  test('is announced to a client that comes back from before it, and not to one from after it', async () => {
    await begin();
    const client = await listenIn('?commandId=c1');
    say('c1');
    await client.untilEvents(1);
    const before = client.lastEventId;
    gap();
    await client.untilEvents(2);
    const [early, late] = await Promise.all([
      rejoin(before, '?commandId=c1'),
      rejoin(client.lastEventId, '?commandId=c1'),
    ]);
    say('c1', 'COMPLETED');
    await early.untilEvents(2);
    await late.untilEvents(1);
    expect(told(early)).toEqual(['resync gap', 'c1 COMPLETED 1']);
    expect(told(late)).toEqual(['c1 COMPLETED 1']);
  });
});

describe('a client that does not read', () => {
  test('costs no more memory, however much happens, and is asked to read again', async () => {
    await begin({ kept: 1000 });
    const client = await listenIn();
    await client.until(({ id }) => id !== undefined);
    client.pause();
    const [response] = responses as [ServerResponse];
    const said = await fill(response);
    const held = response.writableLength;
    for (const n of numbers(said + 1, said + 20_000)) say(`c${n}`);
    expect(response.writableLength).toBe(held);
    // One write of 500 events is the most that can be too much.
    expect(held).toBeLessThan(500 * 200 + 16_384);
    client.resume();
    await client.until(({ event }) => event === 'resync');
    say('c0', 'COMPLETED');
    await client.until(({ data }) => (data as { status?: string } | undefined)?.status === 'COMPLETED');
    const all = told(client);
    const resync = all.indexOf('resync too_slow');
    // No event is missing before the resync, nor once events follow it.
    expect(all.slice(0, resync)).toEqual(numbers(1, resync).map((n) => `c${n} RUNNING 1`));
    expect(resync).toBeLessThan(said);
    const rest = all.slice(resync + 1, -1);
    expect(rest).toEqual(numbers(said + 20_001 - rest.length, said + 20_000).map((n) => `c${n} RUNNING 1`));
    expect(rest.length).toBeLessThan(500);
    expect(all.at(-1)).toBe('c0 COMPLETED 1');
  });

  test('for a while misses nothing as long as the ring has it', async () => {
    await begin({ kept: 1_000_000 });
    const client = await listenIn();
    await client.until(({ id }) => id !== undefined);
    client.pause();
    const [response] = responses as [ServerResponse];
    const said = await fill(response);
    for (const n of numbers(said + 1, said + 5000)) say(`c${n}`);
    client.resume();
    await client.untilEvents(said + 5000);
    expect(told(client)).toEqual(numbers(1, said + 5000).map((n) => `c${n} RUNNING 1`));
  });

  test('of one command misses none of its events, and gets none twice', async () => {
    await begin({ kept: 1_000_000 });
    const client = await listenIn('?commandId=c');
    await client.until(({ id }) => id !== undefined);
    client.pause();
    const [response] = responses as [ServerResponse];
    const attempt = await fill(response, (n) => {
      say('c', 'RUNNING', n);
      say('other');
    });
    client.resume();
    await client.untilEvents(attempt);
    expect(told(client)).toEqual(numbers(1, attempt).map((n) => `c RUNNING ${n}`));
  });

  test('does not hold up the others', async () => {
    await begin();
    const [slow, quick] = [await listenIn(), await listenIn()];
    slow.pause();
    const [response] = responses as [ServerResponse];
    const said = await fill(response);
    await quick.untilEvents(said);
    expect(told(quick)).toEqual(numbers(1, said).map((n) => `c${n} RUNNING 1`));
  });

  test('at all is dropped after two beats', async () => {
    await begin({ heartbeatMs: 5 });
    const client = await listenIn();
    client.pause();
    const [response] = responses as [ServerResponse];
    const dropped = once(response, 'close');
    await fill(response);
    await dropped;
    expect(streams.size).toBe(0);
    client.resume();
    expect(await client.over).toBe('cut');
  });
});

describe('a stop', () => {
  test('ends every stream in good order, with all that had happened', async () => {
    await begin();
    const all = await Promise.all([listenIn(), listenIn('?commandId=c1')]);
    say('c1');
    await streams.stop();
    for (const client of all) {
      expect(await client.over).toBe('end');
      expect(told(client)).toEqual(['c1 RUNNING 1']);
    }
  });

  test('does not wait for a client that does not read', async () => {
    await begin();
    const client = await listenIn();
    client.pause();
    const [response] = responses as [ServerResponse];
    await fill(response);
    streams.end();
    expect(response.destroyed).toBe(true);
  });

  test('lets none begin, and may be asked for twice', async () => {
    await begin();
    await streams.stop();
    await streams.stop();
    const client = await listenIn();
    expect(await client.over).toBe('end');
    expect(client.blocks).toEqual([]);
  });
});

test('a client of HTTP/1.0 gets a stream too', async () => {
  await begin();
  const socket = connect(socketPath);
  socket.setEncoding('utf8').write('GET / HTTP/1.0\r\n\r\n');
  let text = '';
  socket.on('data', (more: string) => {
    text += more;
    if (text.includes('retry')) say('c1');
    if (text.includes('"c1"')) streams.end();
  });
  await once(socket, 'close');
  expect(text).toMatch(
    /^HTTP\/1\.1 200 [^]*\r\n\r\nretry: \d+\nid: [^]*\n\nid: [^]*\nevent: transition\ndata: {"commandId":"c1"/,
  );
});
