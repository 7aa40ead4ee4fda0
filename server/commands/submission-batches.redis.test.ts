import { type Redis } from 'ioredis';
import { type NewCommand } from '../../shared/lifecycle/transitions.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { newCommand } from '../../testing/command-fixtures.js';
import { TestRedis } from '../../testing/redis-server.js';
import { RedisClock } from '../redis/redis-clock.js';
import { RedisFull, RedisUnavailable } from '../redis/redis-fault.js';
import { type RedisCalls, RedisLink } from '../redis/redis-link.js';
import { sharedCallLimits } from './submission-batches.js';
import { Submitter } from './submitter.js';

// Requests of one event-loop tick share a call, and none is refused for the fault of another.

const keys = partitionKeys();
let redis: TestRedis;
let client: Redis;
let realLink: RedisLink;
let onBack: () => void;
let calls: number[];
/** Notes of each call how many requests it is for. */
const link: RedisCalls = {
  call: (work, requests = 1) => {
    calls.push(requests);
    return realLink.call(work, requests);
  },
};
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  const write = (line: string) => {
    if (line.includes('Redis is back')) onBack();
  };
  const logger = createLogger({ side: 'server', level: 'info', pretty: false, destination: { write } });
  realLink = new RedisLink({ url: redis.url, logger, check: () => Promise.resolve() });
  await realLink.start();
});
beforeEach(async () => {
  calls = [];
  await client.flushall();
});
afterAll(async () => {
  await realLink.stop();
  await redis.stop();
});

/** Sends all requests in one event-loop tick. @returns the words that each was answered with */
async function together(requests: readonly (readonly NewCommand[])[], maxBacklog = 1000) {
  const submitter = new Submitter({ link, keys, clock: new RedisClock(), maxBacklog });
  const replies = await Promise.all(requests.map((commands) => submitter.submit(commands)));
  return replies.map((own) => own.map(({ word }) => word));
}

const stored = async () => (await client.zrange(keys.index, '0', '-1')).sort();
const waiting = async () => Number(await client.hget(keys.counts, 'PENDING'));

test('what comes in one turn is one call, and each is answered for its own', async () => {
  await together([[newCommand('known', { digest: 'd' })]]);
  calls = [];
  const words = await together([
    [newCommand('a')],
    [newCommand('b'), newCommand('c')],
    [newCommand('known', { digest: 'd' })],
    [newCommand('known', { digest: 'other' })],
  ]);
  expect(words).toEqual([['accepted'], ['accepted', 'accepted'], ['same'], ['conflict']]);
  expect(calls).toEqual([4]);
  expect(await stored()).toEqual(['a', 'b', 'c', 'known']);
});

test('what comes in the next turn does not wait for the answer of the one before', async () => {
  const submitter = new Submitter({ link, keys, clock: new RedisClock(), maxBacklog: 10 });
  const first = submitter.submit([newCommand('a')]);
  await new Promise((turn) => setImmediate(turn));
  const second = submitter.submit([newCommand('b')]);
  await new Promise((turn) => setImmediate(turn));
  expect(calls).toEqual([1, 1]);
  await Promise.all([first, second]);
});

test('one key twice in one turn makes one command', async () => {
  const one = newCommand('a', { digest: 'd' });
  const words = await together([[one], [one], [newCommand('a', { digest: 'other' })]]);
  expect(words).toEqual([['accepted'], ['same'], ['conflict']]);
  expect(await stored()).toEqual(['a']);
});

describe('a key that is in the way of one', () => {
  const broken = keys.stream('broken');
  beforeEach(() => client.set(broken, 'x'));

  test('is reported to that one, and the others are stored', async () => {
    const words = await together([
      [newCommand('a')],
      [newCommand('b', { queue: 'broken' })],
      [newCommand('c'), newCommand('d', { queue: 'broken' })],
      [newCommand('e'), newCommand('f')],
    ]);
    expect(words).toEqual([['accepted'], ['broken'], ['broken', 'broken'], ['accepted', 'accepted']]);
    expect(await stored()).toEqual(['a', 'e', 'f']);
    expect(await waiting()).toBe(3);
  });

  test('is reported to both requests with that one', async () => {
    const one = newCommand('a', { queue: 'broken', digest: 'd' });
    expect(await together([[one], [newCommand('b')], [one]])).toEqual([['broken'], ['accepted'], ['broken']]);
    expect(await stored()).toEqual(['b']);
  });

  test('is reported to the one whose command it holds', async () => {
    await client.set(keys.command('a'), 'x');
    expect(await together([[newCommand('a')], [newCommand('b')]])).toEqual([['broken'], ['accepted']]);
  });
});

test('a stream that takes no entries any more is the fault of one; the others are stored once', async () => {
  const last = '18446744073709551615-18446744073709551615';
  await client.xadd(keys.stream('used-up'), last, 'id', 'x');
  const words = await together([
    [newCommand('a', { digest: 'd' })],
    [newCommand('b', { queue: 'used-up' })],
    [newCommand('c')],
  ]);
  expect(words).toEqual([['accepted'], ['broken'], ['accepted']]);
  expect(await stored()).toEqual(['a', 'c']);
  expect(await client.xlen(keys.stream('default'))).toBe(2);
});

describe('a backlog with room for some', () => {
  test('takes those, in their order', async () => {
    expect(await together([[newCommand('a')], [newCommand('b')], [newCommand('c')]], 2)).toEqual([
      ['accepted'],
      ['accepted'],
      ['full'],
    ]);
    expect(await stored()).toEqual(['a', 'b']);
    expect(await waiting()).toBe(2);
  });

  test('takes the one that fits behind the one that does not, which is refused whole', async () => {
    const batch = ['a', 'b', 'c'].map((id) => newCommand(id));
    expect(await together([batch, [newCommand('d')]], 2)).toEqual([['full', 'full', 'full'], ['accepted']]);
    expect(await stored()).toEqual(['d']);
  });

  test('knows what it has, also when there is room for none', async () => {
    const known = newCommand('known', { digest: 'd' });
    await together([[known]]);
    expect(await together([[newCommand('a')], [known], [newCommand('b')]], 1)).toEqual([
      ['full'],
      ['same'],
      ['full'],
    ]);
  });
});

test('an estimate of the clock that is far behind: all of a call are sent again, and stored once', async () => {
  const clock = new RedisClock(() => 0);
  clock.observe(Date.now() - 3_600_000);
  const submitter = new Submitter({ link, keys, clock, maxBacklog: 10 });
  const replies = await Promise.all(['a', 'b'].map((id) => submitter.submit([newCommand(id)])));
  expect(replies).toEqual([[{ word: 'accepted' }], [{ word: 'accepted' }]]);
  expect(await stored()).toEqual(['a', 'b']);
});

describe('a call has a bound', () => {
  test('of commands', async () => {
    const most = sharedCallLimits.commands;
    const batchOf = (name: string, size: number) =>
      Array.from({ length: size }, (_, i) => newCommand(`${name}${i}`));
    await together([batchOf('a', most - 1), batchOf('b', 1), batchOf('c', 1), batchOf('d', most + 1)]);
    expect(calls).toEqual([2, 1, 1]);
    expect(await stored()).toHaveLength(2 * most + 2);
  });

  test('of bytes, not of characters', async () => {
    const half = JSON.stringify('\u20ac'.repeat(sharedCallLimits.payloadBytes / 6));
    expect(2 * Buffer.byteLength(half)).toBe(sharedCallLimits.payloadBytes);
    await together(['a', 'b', 'c'].map((id) => [newCommand(id, { payload: half })]));
    expect(calls).toEqual([2, 1]);
  });
});

test('passes a crash point once for a call', async () => {
  const points: string[] = [];
  const faults = { at: (point: string) => void points.push(point) };
  const submitter = new Submitter({ link, keys, clock: new RedisClock(), maxBacklog: 10, faults });
  await Promise.all([submitter.submit([newCommand('a')]), submitter.submit([newCommand('b')])]);
  expect(points).toEqual(['before-submit', 'submit-sent', 'submit-answered']);
});

/** Sends two requests in one event-loop tick. @returns what each was refused with */
async function refusalsOfTwo() {
  const submitter = new Submitter({ link, keys, clock: new RedisClock(), maxBacklog: 10 });
  const answers = await Promise.allSettled(['a', 'b'].map((id) => submitter.submit([newCommand(id)])));
  return answers.map((answer) => (answer.status === 'rejected' ? (answer.reason as unknown) : answer.value));
}

test('a full Redis refuses all of a call, and stores none of it', async () => {
  await client.config('SET', 'maxmemory', '1');
  const refusals = await refusalsOfTwo();
  await client.config('SET', 'maxmemory', '0');
  expect(refusals).toEqual([expect.any(RedisFull), expect.any(RedisFull)]);
  expect(calls).toEqual([2]);
  expect(await client.dbsize()).toBe(0);
});

test('a Redis that is away is reported to all requests of a call', async () => {
  await redis.kill();
  expect(await refusalsOfTwo()).toEqual([expect.any(RedisUnavailable), expect.any(RedisUnavailable)]);
  expect(calls).toEqual([2]);
  const back = new Promise<void>((resolve) => (onBack = resolve));
  await redis.start();
  await back;
});
