import { type Redis } from 'ioredis';
import { statsSchema } from '../../shared/protocol/api.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { completed, reportOf } from '../../testing/command-fixtures.js';
import { report, start, submit } from '../../shared/lifecycle/transitions.js';
import { TestRedis } from '../../testing/redis-server.js';
import { readStats } from '../status/stats.js';
import { RedisLink } from '../redis/redis-link.js';
import { pruner } from './pruner.js';
import { type Sweeper } from './sweeper.js';

const keys = partitionKeys();
const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
const dayMs = 24 * 3600 * 1000;

let redis: TestRedis;
let client: Redis;
const links: RedisLink[] = [];
const pruners: Sweeper[] = [];

beforeEach(async () => {
  redis = await TestRedis.start();
  client = redis.client();
});
afterEach(async () => {
  await Promise.all(pruners.splice(0).map((one) => one.stop()));
  await Promise.all(links.splice(0).map((link) => link.stop()));
  await redis.stop();
});

/** Starts a pruner as a server does, with a connection of its own. */
async function startPruner(retention: { retentionMs?: number; retentionMax?: number } = {}): Promise<void> {
  const link = new RedisLink({ url: redis.url, logger, check: async (one) => void (await one.ping()) });
  await link.start();
  const one = pruner({ link, keys, logger, retentionMs: dayMs, retentionMax: 1_000_000, ...retention });
  links.push(link);
  pruners.push(one);
  await one.start();
}

/** Resolves once `holds` is true, which is checked again after every notification about a key. */
async function until(key: string, holds: () => Promise<boolean>): Promise<void> {
  await client.config('SET', 'notify-keyspace-events', 'KA');
  const subscriber = redis.client();
  let wake: () => void = () => undefined;
  subscriber.on('message', () => wake());
  await subscriber.subscribe(`__keyspace@0__:${key}`);
  for (;;) {
    const changed = new Promise<void>((resolve) => (wake = resolve));
    if (await holds()) return subscriber.disconnect();
    await changed;
  }
}

/** Commands as they stand two days after they were submitted, all of them by the same agent. */
async function make(count: number, name: string, more: Readonly<Record<string, string | number>>) {
  const before = await client.zcard(keys.index);
  const batch = client.pipeline();
  for (let i = 0; i < count; i++) {
    const id = `${name}-${i}`;
    batch.hset(keys.command(id), {
      type: 'DELAY',
      payload: '{}',
      queue: 'default',
      createdAt: 1,
      entry: '',
      ...more,
    });
    // In the order in which they are made.
    batch.zadd(keys.index, before + i, id);
  }
  batch.hincrby(keys.counts, String(more.status), count);
  await batch.exec();
}

const ended = { status: 'COMPLETED', finishedAt: 1000 };
const countOf = async (status: string) => Number(await client.hget(keys.counts, status));

test('two servers prune at once what ended long ago, each command once', async () => {
  await make(3000, 'old', ended);
  await make(10, 'young', { ...ended, finishedAt: Date.now() });
  const gone = until(keys.counts, async () => (await countOf('COMPLETED')) === 10);
  await Promise.all([startPruner(), startPruner()]);
  await gone;
  await Promise.all(pruners.map((one) => one.stop()));
  expect(await client.hgetall(keys.counts)).toEqual({ COMPLETED: '10' });
  expect(await client.hget(keys.retention, 'pruned')).toBe('3000');
  expect(await client.zcard(keys.index)).toBe(10);
  expect(await client.dbsize()).toBe(10 + 3);
});

test('what has not ended, and stands in front of it, keeps it from nothing', async () => {
  // More than two looks cover together.
  await make(1200, 'waiting', { status: 'PENDING' });
  await make(1, 'behind', ended);
  const gone = until(keys.counts, async () => (await countOf('COMPLETED')) === 0);
  await startPruner();
  await gone;
  expect(await client.exists(keys.command('behind-0'))).toBe(0);
  expect(await countOf('PENDING')).toBe(1200);
});

test('what waits in front is looked at once in a while, not at every look', async () => {
  await make(5000, 'waiting', { status: 'PENDING' });
  await make(1, 'behind', ended);
  await client.config('RESETSTAT');
  const gone = until(keys.counts, async () => (await countOf('COMPLETED')) === 0);
  await startPruner();
  await gone;
  const [, looks] = /cmdstat_evalsha:calls=(\d+)/.exec(await client.info('commandstats')) ?? [];
  // One call fails, since Redis does not know the script yet.
  expect(Number(looks)).toBe(1 + Math.ceil(5001 / 500));
});

test('what became too many goes, the oldest first', async () => {
  await make(100, 'c', ended);
  const gone = until(keys.counts, async () => (await countOf('COMPLETED')) <= 40);
  await startPruner({ retentionMax: 40, retentionMs: Number.MAX_SAFE_INTEGER });
  await gone;
  await pruners[0]?.stop();
  expect(await countOf('COMPLETED')).toBe(40);
  expect(await client.zrange(keys.index, '0', '0')).toEqual(['c-60']);
});

test('goes on when its key of another kind is mended', async () => {
  await client.set(keys.index, 'x');
  await startPruner();
  await client.del(keys.index);
  const gone = until(keys.counts, async () => (await countOf('COMPLETED')) === 0);
  await make(1, 'c', ended);
  await gone;
});

test('/stats says what was pruned, when, and how late', async () => {
  const none = statsSchema.parse(await readStats(client, keys, [], null));
  expect(none.retention).toEqual({ pruned: 0, lastPrunedAt: null, behindMs: 0 });
  await make(5, 'c', { ...ended, finishedAt: Date.now() - dayMs - 60_000 });
  const gone = until(keys.counts, async () => (await countOf('COMPLETED')) === 0);
  await startPruner();
  await gone;
  const { retention } = statsSchema.parse(await readStats(client, keys, [], null));
  expect(retention).toMatchObject({ pruned: 5, lastPrunedAt: expect.any(String) as string });
  expect(retention.behindMs).toBeGreaterThanOrEqual(60_000);
  await client.hset(keys.retention, 'prunedAt', '9'.repeat(16));
  expect((await readStats(client, keys, [], null)).retention.lastPrunedAt).toBeNull();
});

test('a command that was executed while the pruner runs stays until its time is over', async () => {
  await startPruner({ retentionMs: dayMs });
  const options = { notAfter: Date.now() + 60_000, maxBacklog: 10 };
  const command = { id: 'a', digest: '', type: 'DELAY', payload: '{}', queue: 'default' };
  await submit(client, keys, [command], options);
  const by = { agentId: 'agent-1', session: 'i1.1' };
  await start(client, keys, { ...by, limit: 1, queues: ['default'], types: [], inFlight: [] });
  expect(await report(client, keys, [reportOf(completed)])).toEqual(['accepted']);
  // Commands that come after it in the index are looked at after it.
  await make(1, 'old', ended);
  await client.hset(keys.command('a'), 'createdAt', 1);
  await until(keys.counts, async () => (await countOf('COMPLETED')) === 1);
  expect(await client.hget(keys.command('a'), 'status')).toBe('COMPLETED');
});
