import { createAgent, createClient, createServer, defineCommand } from 'fencepost';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { z } from 'zod';

// Fencepost as a guest: what its host may rely on. Ends with code 0, by itself, if all of it holds.

const redisUrl = process.env.REDIS_URL ?? '';
const dataDir = process.env.DATA_DIR ?? '';
const leaseMs = 10_000;
const lines: string[] = [];
let news: () => void = () => undefined;
const logger = pino(
  { level: 'info' },
  new Writable({
    write: (line: Buffer, _encoding, done) => {
      lines.push(line.toString());
      news();
      done();
    },
  }),
);
const handled = ['SIGINT', 'SIGTERM', 'SIGHUP', 'uncaughtException', 'unhandledRejection', 'disconnect'];
/** Resolves when a line of the log matches. */
async function logged(pattern: RegExp): Promise<void> {
  while (!lines.some((line) => pattern.test(line))) await new Promise<void>((told) => (news = told));
}

/** A line to Redis that can be cut. */
async function openLine() {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    const redis = connect(new URL(redisUrl).pathname);
    for (const [one, other] of [[socket, redis] as const, [redis, socket] as const]) {
      sockets.add(one);
      one.on('error', () => other.destroy()).pipe(other);
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const cut = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`, cut };
}

const listeners = () => handled.map((event) => process.listenerCount(event));

let release: () => void = () => undefined;
const released = new Promise<void>((resolve) => (release = resolve));
const deaf = defineCommand({
  type: 'DEAF',
  payload: z.object({}),
  result: z.object({ ended: z.literal(true) }),
  timeoutMs: 50,
  execute: async () => {
    await released;
    return { ended: true as const };
  },
});
const add = defineCommand({
  type: 'ADD',
  payload: z.object({ numbers: z.array(z.number()) }),
  result: z.number(),
  execute: ({ payload }) => Promise.resolve(payload.numbers.reduce((sum, one) => sum + one, 0)),
});

async function main(): Promise<void> {
  const before = listeners();
  const server = createServer({ redisUrl, port: 0, leaseMs, logger });
  await Promise.all([server.start(), server.start()]);
  const client = createClient({ url: server.url });
  const withoutRedis = { dataDir, leaseMs, graceMs: 200, logger };
  const options = { ...withoutRedis, redisUrl, agentId: 'guest' };

  // Started, stopped, and started again: a new session of the same agent.
  const agent = createAgent({ ...options, commands: [add] });
  assert.throws(() => agent.agentId);
  await Promise.all([agent.start(), agent.start()]);
  assert.equal(agent.agentId, 'guest');
  const first = await client.agents();
  await agent.stop();
  await agent.stop();
  assert.deepEqual(await client.agents(), []);
  await agent.start();
  const [second] = await client.agents();
  assert.notEqual(second?.session, first[0]?.session);
  assert.deepEqual(second?.types, ['ADD']);
  // Also while it still stops.
  const stopping = agent.stop();
  await agent.start();
  await stopping;
  const [third] = await client.agents();
  assert.notEqual(third?.session, second.session);
  assert.equal(third?.state, 'live');

  const { commandId } = await client.submit({ type: 'ADD', payload: { numbers: [1, 2, 3] } });
  assert.equal((await client.wait(commandId)).result, 6);

  // Another agent on the same directory, in the same process, is refused, and leaves nothing behind.
  await assert.rejects(createAgent({ ...options, commands: [add] }).start(), {
    name: 'DataDirectoryUnavailableError',
  });
  await agent.stop();

  // A handler that ignores its abort signal ends its agent, and not its host.
  const reasons: string[] = [];
  let told: () => void = () => undefined;
  const fatal = new Promise<void>((resolve) => (told = resolve));
  const onFatal = (reason: string) => {
    reasons.push(reason);
    told();
  };
  const doomed = createAgent({ ...options, agentId: 'doomed', commands: [deaf], onFatal });
  await doomed.start();
  // A server looks for new types once a second, or when it is asked for them.
  assert.ok((await client.types()).some(({ type }) => type === 'DEAF'));
  const { commandId: stuck } = await client.submit({ type: 'DEAF', payload: {} });
  await fatal;
  await doomed.stop();
  assert.deepEqual(reasons, ['a handler did not end']);
  release();
  // The next run reports what the agent had journalled before it stopped.
  await doomed.start();
  assert.equal((await client.wait(stuck)).error?.code, 'TIMEOUT');
  await doomed.stop();

  // An agent that reaches only the server.
  const remote = createAgent({ ...withoutRedis, serverUrl: server.url, agentId: 'remote', commands: [add] });
  await remote.start();
  const { commandId: far } = await client.submit({ type: 'ADD', payload: { numbers: [4, 5] } });
  assert.deepEqual((({ result, agentId }) => [result, agentId])(await client.wait(far)), [9, 'remote']);
  await remote.stop();

  // An agent that loses Redis: its thread's messages are in its host's log. It can be stopped as well.
  const line = await openLine();
  const cutOff = createAgent({
    ...options,
    leaseMs: 1000,
    redisUrl: line.url,
    agentId: 'cut-off',
    commands: [add],
  });
  await cutOff.start();
  line.cut();
  await logged(/"agentId":"cut-off".*"(renewing|the heartbeat|recovery) failed/);
  await cutOff.stop();

  // An agent that never reached Redis can be stopped as well.
  const lonely = createAgent({
    ...options,
    agentId: 'lonely',
    redisUrl: 'redis://127.0.0.1:1',
    commands: [add],
  });
  const starting = lonely.start();
  await lonely.stop();
  await starting;

  // A server that cannot have its port is not left half started.
  const port = Number(new URL(server.url).port);
  await assert.rejects(createServer({ redisUrl, port, logger }).start(), { code: 'EADDRINUSE' });

  await client.close();
  await server.stop();
  await server.stop();
  assert.deepEqual(listeners(), before);
  assert.ok(lines.some((line) => line.includes('"agentId":"guest"')));
  assert.throws(
    () => createAgent({ ...options, commands: [add], concurrency: 0 }),
    /^ConfigError: concurrency/,
  );
  console.log('at home');
}

void main();
