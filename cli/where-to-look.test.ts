import { whereToLook } from './where-to-look.js';

const stack = { serverUrl: 'http://127.0.0.1:3000', dataDir: '/data', agents: 2, pid: 42 };

test.each([
  ['redis://127.0.0.1:6379', 'redis-cli -p 6379'],
  ['redis://elsewhere', 'redis-cli -h elsewhere -p 6379'],
  ['redis://me:secret@elsewhere:6380/1', 'redis-cli -u redis://me:***@elsewhere:6380/1'],
  ['unix:///run/redis.sock', 'redis-cli -s /run/redis.sock'],
])('%s is looked at with %s', (redisUrl, line) => {
  expect(whereToLook({ ...stack, redisUrl })).toContain(`  ${line}\n`);
});
