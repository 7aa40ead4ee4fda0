import { unusable, unusableDatabase, UnusableRedisError } from './unusable-redis.js';

test.each([
  ['MOVED 13519 10.0.0.1:6379', /^This is a Redis Cluster, .*MOVED 13519/],
  ['ASK 13519 10.0.0.1:6379', /Redis Cluster/],
  [
    'NOAUTH HELLO must be called with the client already authenticated',
    /REDIS_URL names none .*redis:\/\/:password@/,
  ],
  [
    'WRONGPASS invalid username-password pair or user is disabled.',
    /does not accept the user or the password/,
  ],
])('%s is nothing to wait for', (answer, message) => {
  const fault = unusable(new Error(answer));
  expect(fault).toBeInstanceOf(UnusableRedisError);
  expect(fault?.message).toMatch(message);
});

test.each([
  'LOADING Redis is loading the dataset in memory',
  "READONLY You can't write against a read only replica.",
  'CLUSTERDOWN Hash slot not served',
  'MISCONF Redis is configured to save RDB snapshots',
  'connect ECONNREFUSED 127.0.0.1:6379',
])('%s may pass', (answer) => {
  expect(unusable(new Error(answer))).toBeUndefined();
});

test.each([
  ['ERR DB index is out of range', /name one that it has, or raise `databases`/],
  ["NOPERM this user has no permissions to run the 'select' command", /\+select/],
  ['ERR SELECT is not allowed in cluster mode', /This is a Redis Cluster/],
])('a database that is refused with %s', (answer, message) => {
  expect(unusableDatabase(3, answer).message).toMatch(message);
  expect(unusableDatabase(3, answer).message).toContain('database 3');
});
