import { type Redis } from 'ioredis';
import { partitionKeys } from '../shared/store/keys.js';
import { Clock } from './redis-state-clock.js';
import { type RedisState, seed, snapshot } from './redis-state.js';
import { TestRedis } from './redis-server.js';

let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await TestRedis.start();
  redis = server.client();
});
afterAll(() => server.stop());

const keys = partitionKeys();

const everything: RedisState = {
  'command:a': {
    status: 'PENDING',
    startedAt: 'now-5000',
    runAt: 'now+60000',
    error: { code: 'TIMEOUT', at: 'now-1000' },
  },
  'exec:a': '1:agent-1:i1.1',
  'history:a': { list: [{ why: 'late', at: 'now-1000', attempt: 1 }, 'not JSON', '{'] },
  'commands:default': {
    stream: [
      ['1-1', { id: 'a' }],
      ['1-2', { id: 'b', more: 'x' }],
    ],
    delivered: '1-1',
    pending: [['1-1', 'agent-1', 'now-60000']],
  },
  'commands:fresh': { stream: [['1-1', { id: 'c' }]] },
  'commands:empty': { stream: [], delivered: '0-0', pending: [] },
  expiring: {
    zset: [
      ['b', '1'],
      ['a', 'now+3600000'],
    ],
  },
  queues: { set: ['default', 'fresh'] },
  'fencepost:agent:agent-1': { lastSeen: 'now-1000' },
};

test('a snapshot shows what was seeded', async () => {
  const since = await seed(redis, everything);
  expect(await snapshot(redis, since)).toEqual(everything);
});

test('a seed replaces everything that was there', async () => {
  await seed(redis, everything);
  const since = await seed(redis, { 'exec:a': 'x' });
  expect(await snapshot(redis, since)).toEqual({ 'exec:a': 'x' });
});

test('what Redis made since the seed is shown as words', async () => {
  const since = await seed(redis, {
    'commands:default': {
      stream: [['1-1', { id: 'a' }]],
      delivered: '1-1',
      pending: [['1-1', 'agent-1', 'now-60000']],
    },
  });
  const [seconds, micros] = await redis.time();
  const now = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  const stream = keys.stream('default');
  const gone = await redis.xadd(stream, '*', 'id', 'b');
  const entry = await redis.xadd(stream, '*', 'id', 'c');
  await redis.xdel(stream, String(gone));
  await redis.xclaim(stream, 'agents', 'agent-2', '0', '1-1', 'JUSTID');
  await redis.hset(keys.command('b'), { queue: 'default', entry: String(gone), startedAt: now });
  await redis.xadd(keys.dead, '*', 'queue', 'default', 'entry', String(entry));
  await redis.zadd(keys.index, now * 1000 + 1, 'b');
  await redis.zadd(keys.scheduled, now + 1000, 'b');
  expect(await snapshot(redis, since, now)).toEqual({
    'command:b': { queue: 'default', entry: 'new1', startedAt: 'now' },
    'commands:default': {
      stream: [
        ['1-1', { id: 'a' }],
        ['new2', { id: 'c' }],
      ],
      delivered: '1-1',
      pending: [['1-1', 'agent-2', 'now']],
    },
    dead: { stream: [['new1', { queue: 'default', entry: 'new2' }]] },
    index: { zset: [['b', 'now']] },
    scheduled: { zset: [['b', 'now+1000']] },
  });
});

test.each([
  [1_700_000_000_000, 'now'],
  [1_700_000_000_700, 'now'],
  [1_700_000_000_701, 'now+1'],
  [1_699_999_999_999, 'now-1'],
  [1_700_000_060_300, 'now+60000'],
  [1_700_000_001_300, 'now+1000'],
  [1_700_000_000_700_999, 'now'],
  [42, '42'],
])('a clock that saw 0.7 s pass calls %i %s', (time, words) => {
  expect(new Clock(1_700_000_000_000, 1_700_000_000_700).toWords(String(time))).toBe(words);
});
