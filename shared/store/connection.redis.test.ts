import { type Redis } from 'ioredis';
import { freePort } from '../../testing/processes.js';
import { TestRedis } from '../../testing/redis-server.js';
import { connectBlocking, connectCommands, connectSubscriber } from './connection.js';
import { UnusableRedisError } from './unusable-redis.js';

let server: TestRedis;
let admin: Redis;
let at: (rest: string, user?: string) => string;
const opened: Redis[] = [];
const open = <T extends Redis>(redis: T): T => (opened.push(redis), redis);
beforeAll(async () => {
  const port = await freePort();
  server = await TestRedis.start({ port });
  admin = server.client();
  at = (rest, user = '') => `redis://${user === '' ? '' : `${user}@`}127.0.0.1:${port}${rest}`;
  await admin.call('ACL', 'SETUSER', 'noselect', 'on', '>pw', '~*', '&*', '+@all', '-select');
  await admin.call('ACL', 'SETUSER', 'noinfo', 'on', '>pw', '~*', '&*', '+@all', '-@dangerous');
});
beforeEach(() => admin.flushall());
afterEach(() => opened.splice(0).forEach((redis) => redis.disconnect()));
afterAll(() => server.stop());

const setOver = (redis: Redis) => redis.set('written', 'x');
const databases = async () => /^db\d+:.*$/gm.exec(await admin.info('keyspace'))?.[0];

describe.each([
  ['a database that Redis does not have', () => at('/16'), /names database 16.*out of range/],
  ['a number beyond any', () => at('/999999999'), /names database 999999999/],
  ['a database that this user may not select', () => at('/3', 'noselect:pw'), /NOPERM.*\+select/],
])('%s', (_what, url, message) => {
  test('is reported to the first caller, and nothing is written anywhere', async () => {
    const errors: Error[] = [];
    const redis = open(connectCommands(url(), { onError: (error) => errors.push(error) }));
    const fault: unknown = await setOver(redis).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(UnusableRedisError);
    expect((fault as Error).message).toMatch(message);
    // And again, over the next connection.
    await expect(setOver(redis)).rejects.toThrow(message);
    expect(errors).toContain(fault);
    expect(await databases()).toBeUndefined();
  });

  test('is reported to blocking reads and subscriptions as well', async () => {
    const read = open(connectBlocking(url(), 1000)).xread('BLOCK', 100, 'STREAMS', 'x', '$');
    await expect(read).rejects.toThrow(message);
    await expect(open(connectSubscriber(url())).subscribe('x')).rejects.toThrow(message);
  });
});

test('a database that may no longer be selected gets nothing after the connection broke', async () => {
  await admin.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>pw', '~*', '&*', '+@all');
  const redis = open(connectCommands(at('/3', 'app:pw')));
  await setOver(redis);
  await admin.call('ACL', 'SETUSER', 'app', '-select');
  await admin.call('CLIENT', 'KILL', 'USER', 'app');
  const fault = await setOver(redis).catch((error: unknown) => error);
  // The call may have been in flight as the connection broke: then it waits for one over which it may be sent.
  expect(String(fault)).toMatch(/names database 3|timed out/);
  await expect(setOver(redis)).rejects.toThrow(/names database 3/);
  expect(await admin.dbsize()).toBe(0);
  await admin.call('ACL', 'SETUSER', 'app', '+select');
  await expect(untilDone(() => setOver(redis))).resolves.toBe('OK');
  expect(await admin.dbsize()).toBe(0);
});

test('works on the database that it names', async () => {
  await setOver(open(connectCommands(at('/15'))));
  expect(await databases()).toMatch(/^db15:/);
});

test.each([
  ['a wrong password', 'noinfo:other', /WRONGPASS/],
  ['a user that there is not', 'nobody:pw', /WRONGPASS/],
])('%s is reported to the first caller', async (_what, user, message) => {
  await expect(setOver(open(connectCommands(at('', user))))).rejects.toThrow(message);
});

test('a user that may not ask for INFO works, and nothing is written past the log', async () => {
  const said = [jest.spyOn(console, 'warn'), jest.spyOn(console, 'error')];
  expect(await setOver(open(connectCommands(at('/2', 'noinfo:pw'))))).toBe('OK');
  expect(await open(connectSubscriber(at('', 'noinfo:pw'))).subscribe('x')).toBe(1);
  for (const spy of said) expect(spy).not.toHaveBeenCalled();
  jest.restoreAllMocks();
});

test('an address that cannot be read is refused without a part of it', () => {
  expect(() => connectCommands('redis://:secret%zz@h')).toThrow(/URL of Redis must be.*%25$/);
});

async function untilDone<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!String(error).includes('names database')) throw error;
    }
  }
}
