import { partitionKeys } from '../../shared/store/keys.js';
import { type TestRedis } from '../../testing/redis-server.js';
import { startRedis } from '../redis.js';
import { Backlog } from './backlog.js';

const { signal } = new AbortController();
let redis: TestRedis;
let backlog: Backlog;
beforeEach(async () => {
  redis = await startRedis();
  backlog = new Backlog(redis);
});
afterEach(() => redis.stop());

it('has as many waiting after a lap as before, and completed as many as the lap had', async () => {
  await backlog.fill(250, signal);
  const cost = await backlog.lap(130);
  await backlog.check();
  expect(backlog.waiting).toBe(250);
  expect(await backlog.completed()).toBe(130);
  expect(cost.scriptUs).toBeGreaterThan(0);
  expect(cost.elapsedUs).toBeGreaterThan(cost.scriptUs);
});

it('takes memory when it is filled, and is retained when it is worked off', async () => {
  const empty = await backlog.bytes();
  await backlog.fill(2000, signal);
  expect(await backlog.bytes()).toBeGreaterThan(empty + 2000 * 100);
  await backlog.workOff(500, signal);
  await backlog.check();
  expect(await backlog.completed()).toBe(1500);
});

it('notices a command that it does not know of', async () => {
  await backlog.fill(10, signal);
  await redis.client().hincrby(partitionKeys().counts, 'PENDING', 1);
  await expect(backlog.check()).rejects.toThrow('not 10 commands wait');
});

it('submits payloads of 50 bytes', async () => {
  await backlog.fill(1, signal);
  const client = redis.client();
  const [key = ''] = await client.keys('*command:*');
  expect((await client.hget(key, 'payload'))?.length).toBe(50);
});
