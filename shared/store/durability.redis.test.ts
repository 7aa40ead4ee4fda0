import { type Redis } from 'ioredis';
import { TestRedis } from '../../testing/redis-server.js';
import { readDurability } from './durability.js';

let redis: TestRedis;
let client: Redis;
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
});
afterAll(() => redis.stop());

test("the project's own redis.conf leaves nothing to say", async () => {
  expect(await readDurability(client)).toEqual({ ok: true, reasons: [], readOnly: undefined });
});

test.each([
  ['appendfsync', 'everysec', 'always', /appendfsync is everysec: .*set it to always/],
  ['appendfsync', 'no', 'always', /appendfsync is no/],
  ['no-appendfsync-on-rewrite', 'yes', 'no', /while the file is rewritten/],
])('%s %s is reported', async (name, bad, good, reason) => {
  await client.config('SET', name, bad);
  const found = await readDurability(client);
  await client.config('SET', name, good);
  expect(found).toEqual({
    ok: false,
    reasons: [expect.stringMatching(reason) as string],
    readOnly: undefined,
  });
});

test('a Redis without its append-only file is reported', async () => {
  const forgetful = await TestRedis.start({ config: { appendonly: 'no' } });
  const found = await readDurability(forgetful.client());
  await forgetful.stop();
  expect(found.reasons).toEqual([expect.stringContaining('appendonly is off')]);
});

test('eviction is reported, but only where memory has a bound', async () => {
  await client.config('SET', 'maxmemory-policy', 'allkeys-lru');
  expect((await readDurability(client)).ok).toBe(true);
  await client.config('SET', 'maxmemory', '1gb');
  expect((await readDurability(client)).reasons).toEqual([expect.stringContaining('allkeys-lru')]);
  await client.config('SET', 'maxmemory', '0');
  await client.config('SET', 'maxmemory-policy', 'noeviction');
});

test('where CONFIG is forbidden, the policy is not known, and that is reported', async () => {
  await client.call('ACL', 'SETUSER', 'app', 'on', '>secret', '~*', '&*', '+@all', '-config');
  const app = redis.client({ username: 'app', password: 'secret' });
  expect((await readDurability(app)).reasons).toEqual([expect.stringContaining('CONFIG GET is not allowed')]);
});

test('a replica takes no writes', async () => {
  await client.replicaof('127.0.0.1', 1);
  const found = await readDurability(client);
  await client.replicaof('NO', 'ONE');
  expect(found).toMatchObject({ ok: false, readOnly: expect.stringContaining('slave') as string });
});
