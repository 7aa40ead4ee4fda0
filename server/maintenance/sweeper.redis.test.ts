import { type Redis } from 'ioredis';
import { submit } from '../../shared/lifecycle/transitions.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { TestRedis } from '../../testing/redis-server.js';
import { RedisLink } from '../redis/redis-link.js';
import { expirer } from './expirer.js';
import { promoter } from './promoter.js';
import { Sweeper } from './sweeper.js';

const keys = partitionKeys();
let redis: TestRedis;
let client: Redis;
let link: RedisLink;
let lines: string[];
const logger = createLogger({
  side: 'server',
  level: 'info',
  pretty: false,
  destination: { write: (line) => void lines.push(line) },
});
const stops: (() => Promise<void>)[] = [];

beforeEach(async () => {
  lines = [];
  redis = await TestRedis.start();
  client = redis.client();
  link = new RedisLink({
    url: redis.url,
    logger,
    check: async (connection) => void (await connection.ping()),
  });
  await link.start();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await link.stop();
  await redis.stop();
});

async function make(ids: readonly string[], more: object): Promise<void> {
  const commands = ids.map((id) => ({
    id,
    digest: '',
    type: 'DELAY',
    payload: '{}',
    queue: 'default',
    ...more,
  }));
  await submit(client, keys, commands, { notAfter: Date.now() + 60_000, maxBacklog: 1e6 });
}

async function running(sweeper: Sweeper): Promise<Sweeper> {
  stops.push(() => sweeper.stop());
  await sweeper.start();
  return sweeper;
}

/** Resolves `seen` when Redis notifies of a change of this key; listening begins with the call. */
async function changed(key: string): Promise<{ readonly seen: Promise<unknown> }> {
  await client.config('SET', 'notify-keyspace-events', 'KA');
  const subscriber = redis.client();
  await subscriber.subscribe(`__keyspace@0__:${key}`);
  return { seen: new Promise((resolve) => subscriber.once('message', resolve)) };
}

const many = Array.from({ length: 450 }, (_, n) => `id-${n}`);

test('delayed commands get on their queue when their time has come, however many', async () => {
  await make(many, { start: { inMs: 60_000 } });
  await make(['later'], { start: { inMs: 600_000 } });
  await client.zadd(keys.scheduled, ...many.flatMap((id) => ['1', id]));
  // The last member that goes is the signal.
  const gone = await changed(keys.command('id-99'));
  await running(promoter(link, keys, logger));
  await gone.seen;
  await stops[0]?.();
  expect(await client.xlen(keys.stream('default'))).toBe(450);
  expect(await client.zrange(keys.scheduled, '0', '-1')).toEqual(['later']);
});

test('commands that were not started in time end as EXPIRED', async () => {
  await make(['a'], { ttlMs: 60_000 });
  await client.hset(keys.command('a'), 'expiresAt', 1);
  await client.zadd(keys.expiring, 1, 'a');
  const ended = await changed(keys.command('a'));
  await running(expirer(link, keys, logger));
  await ended.seen;
  await stops[0]?.();
  const { status, error } = await client.hgetall(keys.command('a'));
  expect([status, JSON.parse(error ?? '')]).toEqual(['FAILED', expect.objectContaining({ code: 'EXPIRED' })]);
});

test('goes on without a pause while more is due', async () => {
  let left = 5;
  let done: () => void;
  const all = new Promise<void>((resolve) => (done = resolve));
  const sweep = () => {
    left--;
    if (left === 0) done();
    return Promise.resolve({ count: 1, more: left > 0 });
  };
  // A single pause of this length would be longer than any test may take.
  await running(new Sweeper({ name: 'sweeper', intervalMs: 600_000, link, sweep, logger }));
  await all;
});

test('an outage of Redis stops nothing, and is logged once', async () => {
  await redis.kill();
  let ticks = 0;
  let whenTicked: () => void = () => undefined;
  let whenSwept: () => void = () => undefined;
  const quick = new Sweeper({
    name: 'sweeper',
    intervalMs: 1,
    link: {
      call: (work) => {
        ticks++;
        whenTicked();
        return link.call(work);
      },
    },
    sweep: async (connection) => {
      await connection.ping();
      whenSwept();
      return { count: 0, more: false };
    },
    logger,
  });
  await running(quick);
  await new Promise<void>((resolve) => {
    whenTicked = () => {
      if (ticks >= 20) resolve();
    };
  });
  await redis.start();
  const back = new Promise<void>((resolve) => (whenSwept = resolve));
  await Promise.all([back, client.ping()]);
  await quick.stop();
  expect(lines.filter((line) => line.includes('waiting for Redis'))).toHaveLength(1);
  expect(lines.filter((line) => line.includes('"error"'))).toEqual([]);
});
