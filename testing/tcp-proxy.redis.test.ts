import { once } from 'node:events';
import { Redis, type RedisOptions } from 'ioredis';
import { atOnce } from './paced-writer.js';
import { TestRedis } from './redis-server.js';
import { ReplyError } from './resp.js';
import { type Exchange, requestOf, TcpProxy } from './tcp-proxy.js';

/** Asks Redis again and again: what the proxy lets through gives no other sign of its arrival. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds()));
}

describe('the TCP proxy', () => {
  let server: TestRedis;
  let proxy: TcpProxy;
  let direct: Redis;
  const clients: Redis[] = [];

  beforeAll(async () => {
    server = await TestRedis.start();
    direct = server.client();
  });
  afterAll(() => server.stop());
  beforeEach(async () => {
    await direct.flushall();
    proxy = await TcpProxy.start({ path: server.socket });
  });
  afterEach(async () => {
    // Disconnecting one that has ended would leave ioredis a timer of 2 s.
    for (const client of clients.splice(0)) if (client.status !== 'end') client.disconnect();
    await proxy.stop();
  });

  /** A client through the proxy that neither reconnects nor sends anything twice. */
  const connected = async (options: Partial<RedisOptions> = {}): Promise<Redis> => {
    const redis: Redis = new Redis(proxy.url, {
      retryStrategy: null,
      maxRetriesPerRequest: 0,
      ...options,
      replyMapping: 'legacy',
    });
    redis.on('error', () => undefined);
    clients.push(redis);
    await once(redis, 'ready');
    return redis;
  };

  test.each([2, 3] as const)('passes everything through, in RESP%i', async (protocol) => {
    const redis = await connected({ protocol });
    const big = 'né'.repeat(1 << 20);
    await redis.set('big', big);
    expect(await redis.get('big')).toBe(big);
    const counted = await Promise.all(Array.from({ length: 1000 }, () => redis.incr('n')));
    expect(counted).toEqual(Array.from({ length: 1000 }, (_, index) => index + 1));
    await expect(redis.call('NONSENSE')).rejects.toThrow('unknown command');
    expect(await redis.multi().set('a', '1').hset('h', { f: 'v' }).hgetall('h').exec()).toHaveLength(3);
    expect(await redis.eval("return {1, 'two', {3}}", 0)).toEqual([1, 'two', [3]]);
  });

  test.each([2, 3] as const)('passes published messages through, in RESP%i', async (protocol) => {
    const redis = await connected({ protocol });
    await redis.subscribe('news');
    const message = once(redis, 'message');
    await direct.publish('news', 'hello');
    expect(await message).toEqual(['news', 'hello']);
  });

  test('holds back one request, and what its connection sends after it', async () => {
    const [redis, other] = [await connected(), await connected()];
    const hold = proxy.holdNext(requestOf('set', 'k'));
    const [set, get] = [redis.set('k', '1'), redis.get('k')];
    expect(await hold.held).toEqual(['set', 'k', '1']);
    expect(await other.get('k')).toBeNull();
    expect(await hold.deliver()).toBe('OK');
    expect(await set).toBe('OK');
    expect(await get).toBe('1');
    await redis.set('k', '2');
  });

  test('delivers a held request after its client has gone', async () => {
    const redis = await connected();
    const hold = proxy.holdNext(requestOf('EVAL'));
    const lost = redis.eval("return {redis.call('INCR', KEYS[1]), 'done'}", 1, 'n').catch(String);
    await hold.held;
    redis.disconnect();
    expect(await lost).toMatch(/closed/);
    await direct.incr('n');
    expect(await hold.deliver()).toEqual([2, 'done']);
    expect(await direct.get('n')).toBe('2');
  });

  test('delivers a held request after all connections were reset, and reports an error as such', async () => {
    const redis = await connected();
    const hold = proxy.holdNext(([command]) => command === 'evalsha');
    const lost = redis.evalsha('0'.repeat(40), 0).catch(String);
    await hold.held;
    proxy.reset();
    await lost;
    expect(await hold.deliver()).toEqual(new ReplyError('NOSCRIPT No matching script. Please use EVAL.'));
  });

  test('drops a held request, and breaks its connection', async () => {
    const redis = await connected();
    const hold = proxy.holdNext(requestOf('INCR', 'n'));
    const incr = redis.incr('n');
    await hold.held;
    hold.drop();
    await expect(incr).rejects.toThrow();
    expect(await direct.get('n')).toBeNull();
  });

  test('has nothing to deliver before a request has come, or twice', async () => {
    const redis = await connected();
    const hold = proxy.holdNext(requestOf('PING'));
    await expect(hold.deliver()).rejects.toThrow('no request is held');
    const ping = redis.ping();
    await hold.held;
    await hold.deliver();
    await ping;
    await expect(hold.deliver()).rejects.toThrow('no request is held');
  });

  test('loses the reply of a request that Redis has executed', async () => {
    const redis = await connected();
    const loss = proxy.loseReply(requestOf('INCR', 'n'));
    await redis.set('before', '1');
    const incr = redis.incr('n');
    await expect(incr).rejects.toThrow();
    expect(await loss.lost).toEqual({ request: ['incr', 'n'], reply: 1 });
    expect(await direct.get('n')).toBe('1');
  });

  test('shows what a client library that sends again makes of a lost reply', async () => {
    const redis = await connected({ retryStrategy: () => 1, maxRetriesPerRequest: 1 });
    const loss = proxy.loseReply(requestOf('XADD'));
    await redis.xadd('s', '*', 'f', 'v');
    await loss.lost;
    expect(await direct.xlen('s')).toBe(2);
  });

  test('cuts the line both ways, and delivers late what was sent meanwhile', async () => {
    // Long enough for a busy machine: to connect takes commands, too.
    const redis = await connected({ commandTimeout: 2000 });
    proxy.cut();
    await expect(redis.incr('n')).rejects.toThrow('Command timed out');
    redis.disconnect();
    expect(await direct.get('n')).toBeNull();
    proxy.heal();
    await until(async () => (await direct.get('n')) !== null);
    expect(await direct.get('n')).toBe('1');
  });

  test('drops replies only: the request is executed, and its reply comes when the line heals', async () => {
    const redis = await connected();
    proxy.cut('replies');
    const incr = redis.incr('n');
    await until(async () => (await direct.get('n')) === '1');
    proxy.heal();
    expect(await incr).toBe(1);
  });

  test('drops requests only: what Redis still has to say arrives', async () => {
    const redis = await connected();
    const popped = redis.blpop('list', 0);
    await until(async () => !(await direct.info('clients')).includes('blocked_clients:0'));
    proxy.cut('requests');
    await direct.rpush('list', 'item');
    expect(await popped).toEqual(['list', 'item']);
    const ping = redis.ping();
    expect(await Promise.race([ping, direct.ping().then(() => 'silence')])).toBe('silence');
    proxy.heal();
    expect(await ping).toBe('PONG');
  });

  test('lets a client know that Redis has gone only when the line is whole', async () => {
    const redis = await connected();
    proxy.cut('replies');
    await direct.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    expect(await direct.ping()).toBe('PONG');
    expect(redis.status).toBe('ready');
    const end = once(redis, 'end');
    proxy.heal();
    await end;
  });

  test('closes the connection of a client when Redis cannot be reached', async () => {
    const nowhere = await TcpProxy.start({ path: `${server.socket}.none` });
    const redis = new Redis(nowhere.url, { retryStrategy: null, lazyConnect: true });
    redis.on('error', () => undefined);
    await expect(redis.connect()).rejects.toThrow();
    await nowhere.stop();
  });

  test('delays what is sent, in both directions, and counts it', async () => {
    const redis = await connected();
    proxy.setPace({ delayMs: 40, sliceBytes: 0 });
    const began = performance.now();
    expect(await Promise.all([redis.incr('n'), redis.incr('n')])).toEqual([1, 2]);
    // Timers may fire a millisecond early.
    expect(performance.now() - began).toBeGreaterThan(75);
    expect(proxy.traffic.delayed).toBeGreaterThan(2 * 'INCRn'.length);
    proxy.setPace(atOnce);
    const counted = proxy.traffic.delayed;
    expect(await redis.incr('n')).toBe(3);
    expect(proxy.traffic.delayed).toBe(counted);
  });

  test('slices requests and replies, and changes nothing else about them', async () => {
    const redis = await connected();
    proxy.setPace({ delayMs: 0, sliceBytes: 3 });
    await redis.set('k', 'né'.repeat(200));
    expect(await redis.get('k')).toBe('né'.repeat(200));
    // Each slice has three bytes, and the value passes twice.
    expect(proxy.traffic.slices).toBeGreaterThan((2 * 600) / 3);
  });

  test('counts what a cut keeps back, and what a lost reply drops', async () => {
    const redis = await connected();
    proxy.cut('requests');
    const ping = redis.ping();
    await until(async () => (await direct.exists('any')) === 0 && proxy.traffic.keptBack > 0);
    proxy.heal();
    expect(await ping).toBe('PONG');
    expect(proxy.traffic.keptBack).toBe('*1\r\n$4\r\nping\r\n'.length);
    const { lost } = proxy.loseReply(requestOf('INCR'));
    await redis.incr('n').catch(() => undefined);
    await lost;
    expect(proxy.traffic.dropped).toBe(':1\r\n'.length);
  });

  test('reports every exchange, and whether its sender had gone', async () => {
    const exchanges: Exchange[] = [];
    const told = await TcpProxy.start({ path: server.socket }, (exchange) => exchanges.push(exchange));
    const redis: Redis = new Redis(told.url, { retryStrategy: null, replyMapping: 'legacy' });
    redis.on('error', () => undefined);
    await redis.incr('n');
    told.cut('requests');
    redis.incrby('n', 2).catch(() => undefined);
    await until(async () => (await direct.exists('any')) === 0 && told.traffic.keptBack > 0);
    const ended = once(redis, 'end');
    redis.disconnect();
    await ended;
    await until(async () => (await direct.info('clients')).includes('connected_clients:2'));
    told.heal();
    // Others than these pass by as well: a client introduces itself.
    const counting = () => exchanges.filter(({ request }) => /^incr/i.test(request[0] ?? ''));
    await until(async () => (await direct.get('n')) === '3' && counting().length >= 2);
    expect(counting()).toMatchObject([
      { reply: 1, senderGone: false },
      { request: ['incrby', 'n', '2'], reply: 3, senderGone: true },
    ]);
    await told.stop();
  });

  test('a hold or a loss that is forgotten takes nothing', async () => {
    const redis = await connected();
    proxy.holdNext(requestOf('PING')).forget();
    proxy.loseReply(requestOf('PING')).forget();
    expect(await redis.ping()).toBe('PONG');
  });
});
