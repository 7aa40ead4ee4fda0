import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { pause } from '../../shared/runtime/service.js';
import { checkMeta } from '../../shared/store/meta.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { freePort } from '../../testing/processes.js';
import { TestRedis } from '../../testing/redis-server.js';
import { diagnose } from './diagnosis.js';

// Doctor looks at a Redis by itself here: there is no server, and no agent.

const keys = partitionKeys();
let redis: TestRedis;
let admin: Redis;
let port: number;
beforeAll(async () => {
  port = await freePort();
  redis = await TestRedis.start({ port });
  admin = redis.client();
});
beforeEach(async () => {
  await admin.flushall();
  await checkMeta(admin);
});
afterAll(() => redis.stop());

const urlOf = (user = '', rest = '') => `redis://${user}127.0.0.1:${port}${rest}`;
const allow = (...rules: readonly string[]) =>
  admin.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', ...rules);

/** Returns the findings by check, and the checks that were skipped, without what is always missing here. */
async function run(redisUrl: string) {
  const { checks } = await diagnose({ redisUrl, serverUrl: 'http://127.0.0.1:1' });
  const seen = checks.filter(({ name }) => name !== 'server' && name !== 'agents');
  expect(JSON.stringify(checks)).not.toContain('secret');
  return {
    found: seen.flatMap(({ name, findings }) => findings.map(({ problem }) => `${name}: ${problem}`)),
    skipped: seen.filter(({ state, detail }) => state === 'skip' && !detail.includes('the server is away')),
    checks,
  };
}
const only = (pattern: RegExp) => [expect.stringMatching(pattern) as string];

test('nothing is wrong with a Redis that is well', async () => {
  expect(await run(urlOf())).toMatchObject({ found: [], skipped: [] });
});

test.each([
  ['a database that there is not', '', '/16', /^redis: Redis answers .*names database 16/],
  ['a wrong password', 'app:other-secret@', '', /^redis: Redis answers .*does not accept/],
])('%s is told from a Redis that is away', async (_what, user, rest, what) => {
  await allow('~*', '+@all');
  expect((await run(urlOf(user, rest))).found).toEqual(only(what));
});

test('a Redis that asks for a password', async () => {
  await admin.config('SET', 'requirepass', 'secret');
  const { found } = await run(urlOf());
  await admin.config('SET', 'requirepass', '');
  expect(found).toEqual(only(/NOAUTH.*write redis:\/\/:password@/));
});

test('a user who lacks a command that is needed', async () => {
  await allow('~fencepost:*', '&fencepost:*', '+@all', '-xadd');
  const { found, checks } = await run(urlOf('app:secret@'));
  expect(found).toEqual(only(/^permissions: .*a server needs: XADD on fencepost:\{0\}:commands:…/));
  expect(checks.flatMap(({ findings }) => findings.flatMap(({ commands }) => commands))).toContainEqual(
    expect.stringContaining('ACL SETUSER'),
  );
});

test('a user without INFO: what rests on it is not looked at, and Redis is not called too old', async () => {
  await allow('~fencepost:*', '&fencepost:*', '+@all', '-@dangerous');
  const { found, skipped } = await run(urlOf('app:secret@'));
  expect(found).toEqual(only(/^permissions: this Redis user may not INFO/));
  const names = skipped.map(({ name }) => name).sort();
  expect(names).toEqual(['append-only-file', 'eviction', 'memory', 'redis-version', 'redis-writable']);
});

test('entries that were put aside', async () => {
  await admin.xadd(keys.dead, '*', 'queue', 'mail', 'entry', '1-1', 'why', 'not an entry of Fencepost');
  expect((await run(urlOf())).found).toEqual(
    only(/^malformed-entries: .* 1 in all: the entry 1-1 of mail, not an entry of Fencepost/),
  );
});

test('a Redis that refuses every write since its last snapshot failed', async () => {
  await mkdir(join(redis.directory, 'dump.rdb'));
  await admin.config('SET', 'save', '3600 1');
  await admin.bgsave();
  while (!/rdb_last_bgsave_status:err/.test(await admin.info('persistence'))) await pause(10);
  const { found } = await run(urlOf());
  await admin.config('SET', 'save', '');
  expect(found).toEqual(only(/^redis-writable: the last snapshot failed.*writes are refused/));
});
