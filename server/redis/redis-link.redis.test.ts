import { type Redis } from 'ioredis';
import { createLogger } from '../../shared/runtime/logger.js';
import { pause } from '../../shared/runtime/service.js';
import { TestRedis } from '../../testing/redis-server.js';
import { RedisFull, RedisUnavailable } from './redis-fault.js';
import { RedisLink } from './redis-link.js';

const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
let redis: TestRedis;
let link: RedisLink;
beforeAll(async () => {
  redis = await TestRedis.start();
});
beforeEach(() => {
  link = new RedisLink({ url: redis.url, logger, check: async (client) => void (await client.ping()) });
});
afterEach(() => link.stop());
afterAll(() => redis.stop());

const ping = () => link.call((client) => client.ping());

test('lets no call pass before Redis was checked, nor after the stop', async () => {
  await expect(ping()).rejects.toThrow(RedisUnavailable);
  await link.start();
  expect(await ping()).toBe('PONG');
  await link.stop();
  await link.stop();
  await expect(ping()).rejects.toThrow(/stopping/);
});

test('a check that refuses ends the start', async () => {
  const picky = new RedisLink({
    url: redis.url,
    logger,
    check: () => Promise.reject(new Error('not this one')),
  });
  await expect(picky.start()).rejects.toThrow('not this one');
  await expect(picky.call((client) => client.ping())).rejects.toThrow(RedisUnavailable);
  await picky.stop();
});

test('a start may be ended by a stop', async () => {
  const url = 'unix:///nowhere/redis.sock';
  const lost = new RedisLink({ url, logger, check: async (client) => void (await client.ping()) });
  const starting = lost.start();
  await lost.stop();
  await starting;
});

test('says why Redis is not there, as far as is known', async () => {
  const check = async (client: Redis) => void (await client.ping());
  const lost = new RedisLink({ url: 'unix:///nowhere/redis.sock', logger, check });
  const starting = lost.start();
  const reason = () => lost.call((client) => client.ping()).catch((error: unknown) => String(error));
  while (!(await reason()).includes('not been reached yet: ')) await pause(10);
  expect(await reason()).toContain('ENOENT /nowhere/redis.sock');
  await lost.stop();
  await starting;
});

test('a change that Redis refused whole was not made; one inside a script may have been', async () => {
  await link.start();
  const refused = (message: string) =>
    link.call(() => Promise.reject(new Error(message))).catch((error: unknown) => error);
  expect(await refused("READONLY You can't write")).toMatchObject({ wasRefused: true });
  const sha = 'f'.repeat(40);
  expect(await refused(`NOPERM no script: ${sha}, on @user_script:1.`)).toMatchObject({ wasRefused: false });
  expect(await refused('Command timed out')).toMatchObject({ wasRefused: false });
});

test('what waits in memory has a bound', async () => {
  await link.start();
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const calls = Array.from({ length: 10_000 }, () => link.call(() => held));
  await expect(ping()).rejects.toThrow(/too many calls/);
  release();
  await Promise.all(calls);
  expect(await ping()).toBe('PONG');
});

test('and a call for many requests counts as many', async () => {
  await link.start();
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const calls = [link.call(() => held, 9_999), link.call(() => held)];
  await expect(ping()).rejects.toThrow(/too many calls/);
  release();
  await Promise.all(calls);
  expect(await ping()).toBe('PONG');
});

test.each([
  ['OOM command not allowed', RedisFull],
  ['LOADING Redis is loading', RedisUnavailable],
  ["READONLY You can't write", RedisUnavailable],
  ['MISCONF Redis is configured', RedisUnavailable],
  ['NOAUTH Authentication required.', RedisUnavailable],
  ['Connection is closed.', RedisUnavailable],
  ['ERR Error running script', Error],
])('%s', async (message, kind) => {
  await link.start();
  const error: unknown = await link
    .call(() => Promise.reject(new Error(message)))
    .catch((thrown: unknown) => thrown);
  expect((error as Error).constructor).toBe(kind);
});
