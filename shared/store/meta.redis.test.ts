import { type Redis } from 'ioredis';
import { TestRedis } from '../../testing/redis-server.js';
import { metaKey } from './keys.js';
import { checkMeta, SchemaVersionError } from './meta.js';

let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
});
beforeEach(() => client.flushall());
afterAll(() => redis.stop());

const ours = { schemaVersion: '1', partitions: '1' };

test('claims a Redis that holds nothing, also when several start at once', async () => {
  await Promise.all(Array.from({ length: 5 }, () => checkMeta(redis.client())));
  expect(await client.hgetall(metaKey)).toEqual(ours);
});

test('comes back to its own, also when that is full', async () => {
  await checkMeta(client);
  await client.config('SET', 'maxmemory', '1');
  await checkMeta(client);
  await client.config('SET', 'maxmemory', '0');
});

test.each([
  ['another version', { ...ours, schemaVersion: '2' }, /schemaVersion 2 instead of 1\. Start the version/],
  ['other partitions', { ...ours, partitions: '8' }, /partitions 8 instead of 1.*REDIS_URL/],
  ['both', { schemaVersion: '9', partitions: '2' }, /schemaVersion 9 instead of 1 and partitions 2/],
])('refuses %s, changes nothing, and says the way forward', async (_what, fields, message) => {
  await client.hset(metaKey, fields);
  await expect(checkMeta(client)).rejects.toThrow(SchemaVersionError);
  await expect(checkMeta(client)).rejects.toThrow(message);
  expect(await client.hgetall(metaKey)).toEqual(fields);
});

test('refuses a key that something else put there', async () => {
  await client.set(metaKey, 'x');
  await expect(checkMeta(client)).rejects.toThrow(/is no hash.*Delete that key/);
});
