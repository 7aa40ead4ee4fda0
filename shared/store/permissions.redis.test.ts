import { type Redis } from 'ioredis';
import { scriptText } from '../lifecycle/scripts.js';
import { below, forGenerated, oneOf, type Random } from '../../testing/generated-values.js';
import { TestRedis } from '../../testing/redis-server.js';
import { calls, readPermissions, type RedisRole } from './permissions.js';
import { checkRedis } from './redis-check.js';
import { UnusableRedisError } from './unusable-redis.js';

let server: TestRedis;
let admin: Redis;
let user: Redis;
beforeAll(async () => {
  server = await TestRedis.start();
  admin = server.client();
  await admin.call('ACL', 'SETUSER', 'app', 'on', '>pw');
  user = server.client({ username: 'app', password: 'pw', enableReadyCheck: false });
});
afterAll(() => server.stop());

const allow = (...rules: readonly string[]) =>
  admin.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>pw', ...rules);
const all = ['~fencepost:*', '&fencepost:*', '+@all'];

test.each<RedisRole>(['server', 'agent'])('a %s that may do everything lacks nothing', async (role) => {
  await allow(...all);
  expect(await readPermissions(user, role)).toEqual({ missing: [], limits: [] });
  expect(await checkRedis(user, role)).toEqual([]);
});

test.each([
  [['-@dangerous', '+info'], []],
  [['-@dangerous'], [/may not INFO: /]],
  [
    ['resetchannels'],
    [
      ...[/may not PUBLISH .*events: GET \/events/, /PUBLISH .*lanes/, /PUBLISH .*cancels/],
      /SUBSCRIBE .*events.*resync/,
    ],
  ],
  [['-subscribe'], [/SUBSCRIBE/]],
])('a server works with %j, and says what does not', async (rules, limits) => {
  await allow(...all, ...rules);
  const found = await checkRedis(user, 'server');
  expect(found).toEqual(limits.map((limit) => expect.stringMatching(limit) as string));
});

test.each([
  [['-evalsha'], /a server needs: EVALSHA on fencepost:\{0\}:/],
  [['-eval'], /a server needs: EVAL on/],
  [['-xadd'], /XADD on fencepost:\{0\}:commands:…/],
  [['-@read'], /and \d+ more/],
  [['resetkeys', '~fencepost:{0}:*'], /fencepost:agent:…/],
  [['resetkeys', '~other:*'], /EVAL on fencepost:\{0\}:/],
  [['resetkeys', '%R~fencepost:*'], /EVAL/],
  [['resetkeys'], /EVAL/],
  [['nocommands'], /EVAL/],
])('a server is refused with %j: the error says what is missing and what to type', async (rules, message) => {
  await allow(...all, ...rules);
  await expect(checkRedis(user, 'server')).rejects.toThrow(UnusableRedisError);
  await expect(checkRedis(user, 'server')).rejects.toThrow(message);
  await expect(checkRedis(user, 'server')).rejects.toThrow(/Allow it: ACL SETUSER <user> ~fencepost:\*/);
});

const commands = [
  ...[
    'get',
    'set',
    'hset',
    'hget',
    'hgetall',
    'xadd',
    'xreadgroup',
    'xclaim',
    'zadd',
    'zrange',
    'eval',
    'evalsha',
    'time',
  ],
  ...[
    'publish',
    'subscribe',
    'info',
    'del',
    'pexpire',
    'type',
    'sadd',
    'xgroup|create',
    'xinfo|groups',
    'config|get',
  ],
];
const categories = [
  'read',
  'write',
  'stream',
  'hash',
  'scripting',
  'pubsub',
  'dangerous',
  'admin',
  'slow',
  'fast',
  'keyspace',
];
const patterns = [
  ...[
    '~fencepost:*',
    '~fencepost:{0}:*',
    '~fencepost:a*',
    '%R~fencepost:*',
    '%W~fencepost:*',
    '%RW~fencepost:{0}:command*',
  ],
  ...['~fencepost:{0}:commands:*', '~fencepost:meta', '~fencepost:types', '~other:*', '~fencepost:{0}:'],
];
const channels = ['&fencepost:*', '&fencepost:{0}:events', '&fencepost:{0}:cancels:*', '&other'];
const selectors = [
  '(+@all ~fencepost:*)',
  '(+@write ~fencepost:{0}:*)',
  '(+eval +evalsha ~*)',
  '(+hmget +hsetnx ~fencepost:meta)',
];

const some = <T>(random: Random, most: number, items: readonly T[]): T[] =>
  Array.from({ length: below(random, most + 1) }, () => oneOf(random, items));

function anyRules(random: Random): string[] {
  const sign = () => oneOf(random, ['+', '-']);
  return [
    oneOf(random, ['+@all', '+@all', '-@all']),
    ...some(random, 4, categories).map((category) => `${sign()}@${category}`),
    ...some(random, 6, commands).map((command) => `${sign()}${command}`),
    ...(random() < 0.4 ? ['~*'] : some(random, 3, patterns)),
    ...(random() < 0.4 ? ['&*'] : some(random, 2, channels)),
    ...(random() < 0.2 ? [oneOf(random, selectors)] : []),
  ];
}

/** Asks Redis itself, as an administrator, what that user may do. */
async function dryRun(some: readonly (readonly string[])[]): Promise<boolean[]> {
  const pipeline = admin.pipeline();
  for (const call of some) pipeline.call('ACL', 'DRYRUN', 'app', ...call);
  return ((await pipeline.exec()) ?? []).map(([, reply]) => reply === 'OK');
}

test('what the check says of any rules is what Redis says', () =>
  forGenerated(
    (random) => {
      const role = oneOf<RedisRole>(random, ['server', 'agent']);
      const asked = calls(role, 0);
      return { rules: anyRules(random), role, sample: some(random, 12, asked) };
    },
    async ({ rules, role, sample }, index) => {
      await allow(...rules);
      const { missing } = await readPermissions(user, role);
      const [mayEval] = await dryRun([['EVAL', 'return 1', '0']]);
      if (!mayEval) {
        // Nothing else can be asked, and nothing works.
        expect(missing.map(([command]) => command)).toEqual(['EVAL']);
        return;
      }
      const missed = new Set(missing.map((call) => call.join(' ')));
      const allowed = await dryRun(sample);
      for (const [i, call] of sample.entries()) {
        expect([call.join(' '), !missed.has(call.join(' '))]).toEqual([call.join(' '), allowed[i]]);
      }
      // A user that lacks something is refused, whatever it is; the others are accepted.
      if (index % 20 !== 0) return;
      const verdict = await checkRedis(user, role).then(
        () => 'ok',
        (error: unknown) => error,
      );
      if (missing.length > 0) expect(verdict).toBeInstanceOf(UnusableRedisError);
      else expect(verdict).toBe('ok');
    },
  ));

/** The scripts that an agent at Redis calls. */
const ofAgents = new Set<string>([
  ...['register', 'admit', 'announce', 'open', 'start', 'renew', 'progress', 'report', 'release'],
  'report_and_start',
  ...['abandon', 'recover', 'leave'],
]);

test.each<RedisRole>(['server', 'agent'])(
  'no script of a %s sends a command that the check does not ask about',
  (role) => {
    const asked = new Set(calls(role, 0).map(([command]) => command));
    const wished = new Set(['PUBLISH', 'INFO']);
    const texts = [...scriptText()].filter(([name]) => role === 'server' || ofAgents.has(name));
    expect(texts.length).toBe(role === 'server' ? scriptText().size : ofAgents.size);
    for (const [name, text] of texts) {
      for (const [, command = ''] of text.matchAll(/redis\.p?call\('([A-Z]+)'/g)) {
        expect([name, command, asked.has(command) || wished.has(command)]).toEqual([name, command, true]);
      }
    }
  },
);
