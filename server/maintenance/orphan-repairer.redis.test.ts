import { type Redis } from 'ioredis';
import { start, submit } from '../../shared/lifecycle/transitions.js';
import { noFaults } from '../../shared/runtime/faults.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { asAgent1, newCommand } from '../../testing/command-fixtures.js';
import { TestRedis } from '../../testing/redis-server.js';
import { RedisLink } from '../redis/redis-link.js';
import { recoverer } from './recoverer.js';
import { orphanRepairer } from './orphan-repairer.js';

const keys = partitionKeys();
const leaseMs = 1000;
const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
let redis: TestRedis;
let client: Redis;
let link: RedisLink;

beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  link = new RedisLink({ url: redis.url, logger, check: () => Promise.resolve() });
  await link.start();
});
afterAll(async () => {
  await link.stop();
  await redis.stop();
});

test('a command whose stream was deleted has a place again, also while Redis is full', async () => {
  const options = { notAfter: Date.now() + 60_000, maxBacklog: 1000 };
  await submit(client, keys, [newCommand('a'), newCommand('b')], options);
  await client.del(keys.stream('default'));
  await client.config('SET', 'maxmemory', '1mb');
  await expect(client.set('more', 'x')).rejects.toThrow(/OOM/);

  // Recovery is the pulse without which nothing is resolved.
  const maintenance = [
    recoverer({ link, keys, leaseMs, faults: noFaults, logger }),
    orphanRepairer({ link, keys, leaseMs, logger }),
  ];
  for (const sweeper of maintenance) await sweeper.start();
  // The test's own limit is the only one.
  while ((await client.xlen(keys.stream('default'))) < 2) await new Promise(setImmediate);
  for (const sweeper of maintenance) await sweeper.stop();
  expect(await client.hmget(keys.command('a'), 'status', 'attempt')).toEqual(['PENDING', null]);
});

test.each([
  ['the lane was deleted', (lane: string) => client.del(keys.stream(lane))],
  ['the lane was taken out of the set of queues', (lane: string) => client.srem(keys.queues, lane)],
])('a command that waited in a lane is in its queue again when %s', async (_, spoil) => {
  await client.config('SET', 'maxmemory', '0');
  await client.flushall();
  const options = { notAfter: Date.now() + 60_000, maxBacklog: 1000 };
  await submit(client, keys, [newCommand('a')], options);
  await start(client, keys, { ...asAgent1, types: ['OTHER'] });
  expect(await client.hget(keys.command('a'), 'queue')).toBe('default/DELAY');
  await spoil('default/DELAY');

  const maintenance = [
    recoverer({ link, keys, leaseMs, faults: noFaults, logger }),
    orphanRepairer({ link, keys, leaseMs, logger }),
  ];
  for (const sweeper of maintenance) await sweeper.start();
  while ((await client.xlen(keys.stream('default'))) < 1) await new Promise(setImmediate);
  for (const sweeper of maintenance) await sweeper.stop();
  expect(await client.hmget(keys.command('a'), 'status', 'queue')).toEqual(['PENDING', 'default']);
});
