import { type Redis } from 'ioredis';
import { createLogger } from '../../shared/runtime/logger.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { endProcesses, startProcess } from '../../testing/processes.js';
import { TestRedis } from '../../testing/redis-server.js';
import { Server } from '../server.js';
import { TestApi } from '../testing/test-api.js';

/** The example of docs/reference/events.md. */

const keys = partitionKeys();
let redis: TestRedis;
let client: Redis;
let server: Server;
beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  server = await startServer(0);
});
afterAll(async () => {
  await endProcesses();
  await server.stop();
  await redis.stop();
});

async function startServer(port: number): Promise<Server> {
  const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
  const options = { host: '127.0.0.1', port, leaseMs: 15_000, graceMs: 1000, maxBacklog: 10_000, logger };
  const started = new Server({ ...options, redisUrl: redis.url });
  await started.start();
  return started;
}

async function submitOne(): Promise<string> {
  const { body } = await new TestApi(server.url).post('/commands', { type: 'DELAY', payload: { ms: 1 } });
  return (body as { commandId: string }).commandId;
}

test('the example stays right through messages, a gap, and a restart of the server', async () => {
  const ids = await Promise.all(Array.from({ length: 300 }, submitOne));
  const [first = '', second = '', third = ''] = ids;
  const env = { NODE_OPTIONS: '--experimental-eventsource' };
  const watch = startProcess(['examples/watch-commands.mjs', server.url], { env });
  await watch.waitForLine(/^PENDING 300 {2}RUNNING 0 {2}COMPLETED 0 {2}FAILED 0 \(read: the beginning\)$/);

  await client.publish(keys.events, `${first} RUNNING 1\n${first} COMPLETED 1`);
  await watch.waitForLine(/^PENDING 299 {2}RUNNING 0 {2}COMPLETED 1/);
  await client.hset(keys.command(first), 'status', 'COMPLETED');

  // One transaction, so that no client is subscribed when it happens.
  await client
    .multi([
      ['client', 'kill', 'type', 'pubsub'],
      ['hset', keys.command(second), 'status', 'FAILED'],
    ])
    .exec();
  await watch.waitForLine(/^PENDING 298 {2}RUNNING 0 {2}COMPLETED 1 {2}FAILED 1 \(read: gap\)$/);

  const { port } = new URL(server.url);
  await server.stop();
  await client.hset(keys.command(third), 'status', 'RUNNING');
  server = await startServer(Number(port));
  await watch.waitForLine(/^PENDING 297 {2}RUNNING 1 {2}COMPLETED 1 {2}FAILED 1 \(read: unknown_id\)$/);
  await submitOne();
  await watch.waitForLine(/^PENDING 298 {2}RUNNING 1 {2}COMPLETED 1 {2}FAILED 1$/);
  watch.kill('SIGKILL');
});
