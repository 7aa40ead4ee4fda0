import { EventEmitter, once } from 'node:events';
import { type Redis } from 'ioredis';
import { submit, start } from '../../shared/lifecycle/transitions.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys, typesKey } from '../../shared/store/keys.js';
import { asAgent1, newCommand } from '../../testing/command-fixtures.js';
import { TestRedis } from '../../testing/redis-server.js';
import { RedisLink } from '../redis/redis-link.js';
import { readAnnouncements } from '../types/announcements.js';
import { TypeCatalog } from '../types/type-catalog.js';
import { timeoutEnforcer } from './timeout-enforcer.js';

const keys = partitionKeys();
const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
const [leaseMs, graceMs] = [1000, 2000];
const marginMs = graceMs + 1.5 * leaseMs;
let redis: TestRedis;
let client: Redis;
let link: RedisLink;

beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  link = new RedisLink({ url: redis.url, logger, check: () => Promise.resolve() });
  await link.start();
});
beforeEach(() => client.flushall());
afterAll(async () => {
  await link.stop();
  await redis.stop();
});

/** Submits a command, and lets agent-1 have started it so long ago. */
async function running(id: string, sinceMs: number, more: object = {}, hash: object = {}): Promise<void> {
  const options = { notAfter: Date.now() + 60_000, maxBacklog: 1000 };
  await submit(client, keys, [newCommand(id, more)], options);
  await start(client, keys, { ...asAgent1, limit: 1000 });
  await client.hset(keys.command(id), { startedAt: Date.now() - sinceMs, ...hash });
}

/** Sweeps once. @returns ids that were ended */
async function sweep(): Promise<string[]> {
  const catalog = new TypeCatalog(() => readAnnouncements(client));
  const lines: string[] = [];
  const noting = createLogger({
    side: 'server',
    level: 'info',
    pretty: false,
    destination: { write: (line) => void lines.push(line) },
  });
  let swept: () => void = () => undefined;
  const done = new Promise<void>((resolve) => (swept = resolve));
  const watch = timeoutEnforcer({
    link: { call: (work) => link.call(work).finally(swept) },
    keys,
    catalog,
    leaseMs,
    graceMs,
    logger: noting,
  });
  await watch.start();
  await done;
  await watch.stop();
  return lines.map((line) => (JSON.parse(line) as { commandId: string }).commandId);
}

const errorOf = async (id: string) => {
  const [error, executed] = await client.hmget(keys.command(id), 'error', 'executed');
  return { ...(JSON.parse(error ?? 'null') as object | null), executed };
};

test.each([
  ['its own timeoutMs', { timeoutMs: 5000 }, 5000],
  ["its type's: DELAY has its ms and a minute", { payload: '{"ms":7000}' }, 67_000],
  ["its type's: HTTP_GET_JSON has 30 s", { type: 'HTTP_GET_JSON', payload: '{"url":"http://x"}' }, 30_000],
  ['that which its agents announced', { type: 'RESIZE' }, 8000],
])('ends an attempt that hangs beyond %s, and a margin, and no sooner', async (_, more, timeoutMs) => {
  const resize = {
    payload: {},
    result: {},
    onAgentLost: 'fail',
    defaultTimeoutMs: 8000,
    announcedAt: Date.now(),
  };
  await client.hset(typesKey, 'RESIZE', JSON.stringify(resize));
  await running('soon', timeoutMs + marginMs - 1000, more);
  await running('over', timeoutMs + marginMs + 10, more);
  expect(await sweep()).toEqual(['over']);
  expect(await errorOf('over')).toMatchObject({ code: 'TIMEOUT', executed: 'unknown' });
  expect(await client.hget(keys.command('soon'), 'status')).toBe('RUNNING');
  expect(await sweep()).toEqual([]);
});

test('ends an attempt that was asked to stop, and did not', async () => {
  await running('soon', 60_000, {}, { cancelRequestedAt: Date.now() - marginMs + 1000 });
  await running('over', 60_000, {}, { cancelRequestedAt: Date.now() - marginMs - 10 });
  expect(await sweep()).toEqual(['over']);
  expect(await errorOf('over')).toMatchObject({ code: 'CANCELLED', executed: 'unknown' });
});

/** Starts a watch that has swept once, with nothing there. @returns how to wait until it has swept twice more */
async function watching(): Promise<{ sweptTwice: () => Promise<void>; stop: () => Promise<void> }> {
  const swept = new EventEmitter();
  const watch = timeoutEnforcer({
    link: { call: (work) => link.call(work).finally(() => swept.emit('one')) },
    keys,
    catalog: new TypeCatalog(() => readAnnouncements(client)),
    leaseMs,
    graceMs,
    logger,
  });
  const first = once(swept, 'one');
  await watch.start();
  await first;
  const sweptTwice = async () => {
    // The sweep that is under way may have begun before.
    for (let i = 0; i < 3; i++) await once(swept, 'one');
  };
  return { sweptTwice, stop: () => watch.stop() };
}

test('leaves one alone that it saw begin, whatever the clock of Redis says', async () => {
  const { sweptTwice, stop } = await watching();
  await running('jumped', 3600_000, { timeoutMs: 1000 });
  await running('asked', 0, {}, { cancelRequestedAt: Date.now() - 3600_000 });
  await sweptTwice();
  await stop();
  expect(await client.hget(keys.command('jumped'), 'status')).toBe('RUNNING');
  expect(await client.hget(keys.command('asked'), 'status')).toBe('RUNNING');
  // A watch that starts anew believes Redis's clock about both.
  expect((await sweep()).sort()).toEqual(['asked', 'jumped']);
});

test('ends one that it saw begin, and that hangs', async () => {
  const { sweptTwice, stop } = await watching();
  await running('hung', 3600_000, { timeoutMs: 1 });
  while ((await client.hget(keys.command('hung'), 'status')) === 'RUNNING') await sweptTwice();
  await stop();
  expect(await errorOf('hung')).toMatchObject({ code: 'TIMEOUT', executed: 'unknown' });
});

test.each<[string, object, object]>([
  ['has a type whose time only its agents know', { type: 'UNKNOWN' }, {}],
  ['has a payload that its type cannot read', { payload: '[]' }, {}],
  ['has a corrupted start', {}, { startedAt: 'then' }],
  ['was not started', {}, { status: 'PENDING' }],
])('leaves one alone that %s', async (_, more, hash) => {
  await running('a', 1e9, more, hash);
  expect(await sweep()).toEqual([]);
});

test('looks at all of them, however many', async () => {
  const ids = Array.from({ length: 450 }, (_, i) => `c${i}`);
  const options = { notAfter: Date.now() + 60_000, maxBacklog: 1000 };
  await submit(
    client,
    keys,
    ids.map((id) => newCommand(id, { timeoutMs: 1 })),
    options,
  );
  await start(client, keys, { ...asAgent1, limit: 1000 });
  await Promise.all(ids.map((id) => client.hset(keys.command(id), 'startedAt', 1)));
  const catalog = new TypeCatalog(() => readAnnouncements(client));
  const watch = timeoutEnforcer({ link, keys, catalog, leaseMs, graceMs, logger });
  const subscriber = redis.client();
  let ended = 0;
  const all = new Promise<void>((resolve) =>
    subscriber.on('message', (_channel, message: string) => {
      ended += message.split('\n').length;
      if (ended === ids.length) resolve();
    }),
  );
  await subscriber.subscribe(keys.events);
  await watch.start();
  await all;
  await watch.stop();
  subscriber.disconnect();
  expect(await client.hgetall(keys.counts)).toMatchObject({ RUNNING: '0', FAILED: '450' });
});
