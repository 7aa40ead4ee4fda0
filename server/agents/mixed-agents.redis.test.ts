import { identityOf } from '../../testing/agent-identity.js';
import { type Redis } from 'ioredis';
import { submit } from '../../shared/lifecycle/transitions.js';
import { noFaults } from '../../shared/runtime/faults.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { newCommand } from '../../testing/command-fixtures.js';
import { TestRedis } from '../../testing/redis-server.js';
import { RedisTransport } from '../../agent/transport/redis-transport.js';
import { RedisLink } from '../redis/redis-link.js';
import { TransitionFeed } from '../events/transition-feed.js';
import { AgentSessions } from './agent-sessions.js';
import { NextCommands } from './next-commands.js';
import { LongPollRegistry } from './long-poll-registry.js';

// One agent that knows a type among three that do not, over both transports. The two events that would find
// the command later without a hint, the end of a blocked read and a server's look at the queues, are an hour
// away: where a test ends at all, a hint delivered the command.

const keys = partitionKeys();
const logger = createLogger({ side: 'server', level: 'silent' });
const hourMs = 3_600_000;
let redis: TestRedis;
let client: Redis;
let link: RedisLink;
let feed: TransitionFeed;
let polls: LongPollRegistry;
let server: NextCommands;
/** Answers of Redis reach the polls that look for a command once this has resolved. */
let gate: Promise<void> = Promise.resolve();
/** How many looks for a command are over. */
let looks = 0;

beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  link = new RedisLink({ url: redis.url, logger, check: () => Promise.resolve() });
  feed = new TransitionFeed({ url: redis.url, logger });
  polls = new LongPollRegistry({ link, keys, feed, logger, lookMs: hourMs });
  const admissions = new AgentSessions({ link, keys, leaseMs: hourMs, logger });
  const behindGate: Pick<RedisLink, 'call'> = {
    call: async (work) => {
      const answer = await link.call(work);
      await gate;
      looks++;
      return answer;
    },
  };
  server = new NextCommands({ link: behindGate, keys, admissions, polls, faults: noFaults });
  await link.start();
  await feed.start();
  await polls.start();
});
afterAll(async () => {
  await polls.stop();
  await feed.stop();
  await link.stop();
  await redis.stop();
});

type Way = 'redis' | 'http';
interface TestAgent {
  /** Asks for one command. @returns its id; undefined when it was stopped meanwhile */
  next(): Promise<string | undefined>;
  stop(): void;
}

const all: TestAgent[] = [];
/** How many tests have ended: what waits for something ends with its test. */
let turn = 0;
beforeEach(() => client.flushall());
afterEach(async () => {
  turn++;
  for (const agent of all.splice(0)) agent.stop();
  // A read that is still blocked would take the next test's command.
  await until(async () => (await blocked()) === 0 && polls.size === 0);
});

let names = 0;
function agent(way: Way, types: readonly string[]): TestAgent {
  const agentId = `agent-${++names}`;
  const stopped = new AbortController();
  const made =
    way === 'redis' ? atRedis(agentId, types, stopped.signal) : overHttp(agentId, types, stopped.signal);
  const one = {
    next: made.next,
    stop: () => {
      stopped.abort();
      made.close();
    },
  };
  all.push(one);
  return one;
}

function atRedis(agentId: string, types: readonly string[], signal: AbortSignal) {
  const description = { host: 'h', pid: 1, version: '1', queues: ['default'], types, concurrency: 1 };
  const identity = identityOf(agentId, `i-${agentId}`, 1);
  const transport = new RedisTransport({
    ...{ redisUrl: redis.url, agent: identity, description, leaseMs: 3 * hourMs, logger, faults: noFaults },
    longestBlockMs: hourMs,
  });
  const next = async () => {
    while (!signal.aborted) {
      const reply = await transport.next(() => ({ limit: 1, inFlight: [] }), signal);
      const id = reply.word === 'ok' ? reply.started[0]?.id : reply.word;
      if (id !== undefined) return id;
    }
    return undefined;
  };
  return { next, close: () => transport.close() };
}

function overHttp(agentId: string, types: readonly string[], gone: AbortSignal) {
  const next = async () => {
    const request = {
      agentId,
      session: 's',
      instance: undefined,
      concurrency: 1,
      holding: [],
      waitMs: hourMs,
      types,
    };
    const answer = await server.next({ ...request, queues: { queues: ['default'] } }, gone);
    return answer.word === 'command' ? answer.command.id : undefined;
  };
  return { next, close: () => undefined };
}

async function submitOne(type: string): Promise<string> {
  const id = `c${++names}`;
  const options = { notAfter: Number.MAX_SAFE_INTEGER, maxBacklog: 1000 };
  await submit(client, keys, [newCommand(id, { type })], options);
  return id;
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

/** Resolves once `holds` is true; the test's own limit is the only one. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const before = turn;
  while (!(await holds())) {
    if (turn !== before) throw new Error('the test is over');
    await new Promise(setImmediate);
  }
}

const callsOf = async (command: string) => {
  const info = await client.info('commandstats');
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(info)?.[1] ?? 0);
};
const blocked = async () => Number(/blocked_clients:(\d+)/.exec(await client.info('clients'))?.[1]);

const ways: readonly (readonly [Way, Way])[] = [
  ['redis', 'redis'],
  ['http', 'http'],
  ['redis', 'http'],
  ['http', 'redis'],
];
/** For the one that knows the type, and each of the three that do not: whether it waits for a command. */
const mixes = Array.from({ length: 16 }, (_, bits) => [3, 2, 1, 0].map((bit) => (bits & (1 << bit)) !== 0));

describe.each(ways)('one that knows the type, over %s, among three that do not, over %s', (way, otherWay) => {
  test.each(mixes)('waiting: %s, and %s, %s, %s', async (...waits) => {
    const knowing = agent(way, ['ODD', 'DELAY']);
    const others = [1, 2, 3].map(() => agent(otherWay, ['DELAY']));
    const [isFree = false, ...areFree] = waits;
    // The agent that knows it comes last: Redis gives an entry to the client that has waited longest.
    const free = [...others.filter((_, i) => areFree[i]), ...(isFree ? [knowing] : [])];
    const answers = new Map<TestAgent, Promise<string | undefined>>();
    for (const [i, one] of free.entries()) {
      answers.set(one, one.next());
      await until(async () => (await blocked()) + polls.size > i);
    }

    await client.config('RESETSTAT');
    const id = await submitOne('ODD');
    // A busy agent polls once the others have done all that they could.
    const isMovedFirst = !isFree && areFree.includes(true);
    if (isMovedFirst) await until(async () => (await client.xlen(keys.stream('default/ODD'))) === 1);
    expect(await (answers.get(knowing) ?? knowing.next())).toBe(id);
    // The index of all commands, and nothing that would have to wait for its time.
    expect(await callsOf('zadd')).toBe(1);
    // The calls of submit, of the agent that was given the entry, and of the agents that received a hint.
    expect(await callsOf('evalsha')).toBeLessThanOrEqual(10);
  });
});

test.each(ways)(
  'ten commands of an unknown type start when an agent comes that knows it, over %s beside %s',
  async (way, otherWay) => {
    const other = agent(otherWay, ['DELAY']);
    const answer = other.next();
    const ids: string[] = [];
    for (let i = 0; i < 10; i++) ids.push(await submitOne('ODD'));
    await until(async () => (await client.xlen(keys.stream('default/ODD'))) === 10);
    // No agent spins: the one that does not know them waits, and calls nothing.
    await client.config('RESETSTAT');
    const known = await submitOne('DELAY');
    expect(await answer).toBe(known);
    expect(await callsOf('evalsha')).toBeLessThanOrEqual(4);
    const given = await Promise.all(ids.map(() => agent(way, ['ODD']).next()));
    expect(given.sort()).toEqual(ids.sort());
  },
);

test('a command that comes right after a woken poll has looked in vain is started at once', async () => {
  const before = looks;
  const answer = agent('http', ['DELAY']).next();
  await until(() => Promise.resolve(looks > before));
  const { promise, resolve: open } = withResolvers();
  gate = promise;
  await submitOne('ODD');
  await until(async () => (await client.xlen(keys.stream('default/ODD'))) === 1);
  const known = `c${names + 1}`;
  const heard = new Promise<void>((told) => {
    feed.listenToAll({ onTransition: ({ id }) => id === known && told(), onGap: () => undefined });
  });
  await submitOne('DELAY');
  await heard;
  open();
  expect(await answer).toBe(known);
});

test('of more commands than there are polls, those are found that a poll may have', async () => {
  const before = looks;
  const answer = agent('http', ['DELAY']).next();
  await until(() => Promise.resolve(looks > before));
  const elsewhere = Array.from({ length: 5 }, () => newCommand(`c${++names}`, { queue: 'elsewhere' }));
  const known = newCommand(`c${++names}`, {});
  const options = { notAfter: Number.MAX_SAFE_INTEGER, maxBacklog: 1000 };
  await submit(client, keys, [...elsewhere, known], options);
  expect(await answer).toBe(known.id);
});
