import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { repositoryRoot, TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { EventClient } from '../testing/event-client.js';
import { TestApi } from '../testing/test-api.js';

const keys = partitionKeys();
const delay = { type: 'DELAY', payload: { ms: 1 } };
let redis: TestRedis;
let client: Redis;
let server: Server;
let api: TestApi;
let log: string[];
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
});
beforeEach(async () => {
  await client.flushall();
  log = [];
  const destination = { write: (line: string) => void log.push(line) };
  const logger = createLogger({ side: 'server', level: 'info', pretty: false, destination });
  const options = { host: '127.0.0.1', port: 0, leaseMs: 15_000, graceMs: 1000, maxBacklog: 10_000, logger };
  server = new Server({ ...options, redisUrl: redis.url });
  await server.start();
  api = new TestApi(server.url);
});
afterEach(() => server.stop());
afterAll(() => redis.stop());

const sample = /^([a-zA-Z_:][\w:]*)(\{(?:[a-z_]+="[^"\\\n]*",?)+\})? (\S+)$/;

/** A scrape as Prometheus reads it: every sample's value by its name and labels. */
async function scrape(): Promise<ReadonlyMap<string, number>> {
  const { status, headers, body } = await api.get('/metrics');
  expect({ status, type: headers['content-type'] }).toEqual({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
  });
  const lines = String(body).split('\n');
  expect(lines.at(-1)).toBe('');
  const typed = new Set(lines.flatMap((line) => /^# TYPE (\w+) \w+$/.exec(line)?.[1] ?? []));
  const samples = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const [, name = '', labels = '', value] = sample.exec(line) ?? [];
      const family = name.replace(/_(bucket|sum|count)$/, '');
      expect({ line, isTyped: typed.has(name) || typed.has(family) }).toEqual({ line, isTyped: true });
      // The lag of an event loop that was not measured yet is NaN, which Prometheus can read.
      const isNumber = !Number.isNaN(Number(value)) || value?.toLowerCase() === 'nan';
      expect({ line, isNumber }).toEqual({ line, isNumber: true });
      return [`${name}${labels}`, Number(value)];
    }),
  );
}

/** Scrapes until a sample has a value: it may take the server a moment to see that a client went away. */
async function scrapedAs(name: string, value: number): Promise<void> {
  while ((await scrape()).get(name) !== value);
}

test('shows commands, queues and agents', async () => {
  const submissions = [delay, delay, { ...delay, queue: 'other' }, { ...delay, delayMs: 60_000 }];
  for (const submission of submissions) await api.post('/commands', submission);
  await api.send('PUT', '/agents/a', { body: { session: 'i.1', instance: 'i' } });
  await api.get('/commands/next?agentId=a&session=i.1');
  await client.hset(keys.recovery, 'holdOffs', 2);
  await client.xadd(keys.dead, '*', 'why', 'x');
  // A counter is what Redis has counted, not a sum over scrapes.
  await scrape();
  expect(Object.fromEntries(await scrape())).toMatchObject({
    fencepost_redis_up: 1,
    'fencepost_commands{status="PENDING"}': 3,
    'fencepost_commands{status="RUNNING"}': 1,
    'fencepost_commands{status="COMPLETED"}': 0,
    'fencepost_commands{status="FAILED"}': 0,
    fencepost_scheduled_commands: 1,
    'fencepost_queue_entries{queue="default"}': 2,
    'fencepost_queue_pending_entries{queue="default"}': 1,
    'fencepost_queue_entries{queue="other"}': 1,
    'fencepost_queue_pending_entries{queue="other"}': 0,
    'fencepost_agents{state="live"}': 1,
    'fencepost_agents{state="lost"}': 0,
    fencepost_malformed_entries: 1,
    fencepost_recovery_pauses_total: 2,
    process_resident_memory_bytes: expect.any(Number) as number,
    nodejs_eventloop_lag_seconds: expect.any(Number) as number,
  });
});

test('shows how long the oldest has waited, in seconds', async () => {
  await api.post('/commands', delay);
  const hour = Number((await client.time())[0]) * 1000 - 3_600_000;
  await client.del(keys.stream('default'));
  await client.xadd(keys.stream('default'), `${hour}-0`, 'id', 'x');
  const waited = (await scrape()).get('fencepost_queue_oldest_waiting_seconds{queue="default"}') ?? 0;
  expect(waited).toBeGreaterThanOrEqual(3600);
  expect(waited).toBeLessThan(3700);
});

test('counts requests by route and status, and never by what a path or a method may hold', async () => {
  const { body } = await api.post('/commands', delay);
  const { commandId } = body as { commandId: string };
  await api.get(`/commands/${commandId}`);
  await api.get('/commands/00000000-0000-7000-8000-000000000000');
  await api.get('/secret');
  await api.post('/commands', {});
  const samples = await scrape();
  const count = (method: string, route: string, status: number) =>
    samples.get(`fencepost_http_requests_total{method="${method}",route="${route}",status="${status}"}`);
  expect(count('POST', '/commands', 202)).toBe(1);
  expect(count('POST', '/commands', 400)).toBe(1);
  expect(count('GET', '/commands/:id', 200)).toBe(1);
  expect(count('GET', '/commands/:id', 404)).toBe(1);
  expect(count('GET', '-', 404)).toBe(1);
  const names = [...samples.keys()].join('\n');
  expect(names).not.toContain(commandId);
  expect(names).not.toContain('secret');
  // Scrapes must not write lines to the log either.
  expect(log.filter((line) => line.includes('/metrics'))).toEqual([]);
});

test('measures how long answers took, but not those that were held', async () => {
  const { body } = await api.post('/commands', delay);
  const path = `/commands/${(body as { commandId: string }).commandId}`;
  await api.get(path);
  await api.get(`${path}?wait=0`);
  await api.get(`${path}?wait=1`);
  const samples = await scrape();
  const labels = 'method="GET",route="/commands/:id"';
  expect(samples.get(`fencepost_http_requests_total{${labels},status="200"}`)).toBe(3);
  expect(samples.get(`fencepost_http_request_duration_seconds_count{${labels}}`)).toBe(2);
  expect(samples.get(`fencepost_http_request_duration_seconds_bucket{le="+Inf",${labels}}`)).toBe(2);
  expect(samples.get(`fencepost_http_request_duration_seconds_sum{${labels}}`)).toBeLessThan(1);
});

test('the metrics count the clients that wait, and none of those that went away', async () => {
  const { body } = await api.post('/commands', { ...delay, queue: 'nobody-asks' });
  const path = `/commands/${(body as { commandId: string }).commandId}?wait=60`;
  const gone = new AbortController();
  const { signal } = gone;
  const held = [path, path, '/commands/next?agentId=a&wait=60'].map((one) => api.get(one, { signal }));
  const isOver = Promise.allSettled(held);
  const streams = await Promise.all(
    ['', '?commandId=7a1b2c3d-0000-4000-8000-000000000000'].map((query) =>
      EventClient.open(`${server.url}/events${query}`),
    ),
  );
  await scrapedAs('fencepost_http_waiting_requests', 2);
  await scrapedAs('fencepost_agent_polls_waiting', 1);
  await scrapedAs('fencepost_sse_connections', 2);
  gone.abort();
  streams.forEach((stream) => stream.close());
  await isOver;
  await scrapedAs('fencepost_http_waiting_requests', 0);
  await scrapedAs('fencepost_agent_polls_waiting', 0);
  await scrapedAs('fencepost_sse_connections', 0);
  const aborted = 'fencepost_http_requests_total{method="GET",route="/commands/:id",status="aborted"}';
  expect((await scrape()).get(aborted)).toBe(2);
});

test('answers while Redis is away, with nothing that may be out of date', async () => {
  await api.post('/commands', delay);
  expect((await scrape()).get('fencepost_commands{status="PENDING"}')).toBe(1);
  await redis.kill();
  await scrapedAs('fencepost_redis_up', 0);
  const names = [...(await scrape()).keys()];
  expect(names.filter((name) => /^fencepost_(commands|queue|agents)/.test(name))).toEqual([]);
  expect(names).toContain('process_resident_memory_bytes');
  await redis.start();
  await scrapedAs('fencepost_redis_up', 1);
  expect((await scrape()).get('fencepost_commands{status="PENDING"}')).toBe(1);
});

test('every metric of Fencepost is in docs/how-to/monitor.md, and no other', async () => {
  const page = readFileSync(join(repositoryRoot, 'docs/how-to/monitor.md'), 'utf8');
  const documented = new Set(page.match(/fencepost_[a-z_]+/g));
  const { body } = await api.get('/metrics');
  const told = [...String(body).matchAll(/^# TYPE (fencepost_\w+)/gm)].map(([, name]) => name);
  expect([...documented].sort()).toEqual(told.sort());
});
