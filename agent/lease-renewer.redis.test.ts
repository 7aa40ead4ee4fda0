import { join } from 'node:path';
import { start, type StartedCommand, submit } from '../shared/lifecycle/transitions.js';
import { now } from '../shared/runtime/clock.js';
import { pause } from '../shared/runtime/service.js';
import { group, partitionKeys } from '../shared/store/keys.js';
import { identityOf } from '../testing/agent-identity.js';
import { newCommand } from '../testing/command-fixtures.js';
import { hangMs, repositoryRoot } from '../testing/processes.js';
import { TestRedis } from '../testing/redis-server.js';
import type * as built from './lease-renewer.js';

/** The lease renewer as it was built: its thread is a file beside it. */
// oxlint-disable-next-line typescript/no-require-imports
const { LeaseRenewer } = require(join(repositoryRoot, 'dist/agent/lease-renewer.js')) as typeof built;

const keys = partitionKeys();
// The lease renewer looks every two seconds for what is due. What is held here was renewed half a lease ago, so it is due at once,
// and no busy machine lets the other half pass.
const leaseMs = 24_000;

let redis: TestRedis;
beforeAll(async () => (redis = await TestRedis.start()));
afterAll(() => redis.stop());

async function idleMs(entry: string): Promise<number> {
  const id = entry.slice(entry.indexOf('/') + 1);
  const [row] = (await redis.client().xpending(keys.stream('default'), group, id, id, 1)) as [
    string,
    string,
    number,
  ][];
  return row?.[2] ?? -1;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + hangMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${hangMs} ms: ${holds.toString()}`);
    await pause(20);
  }
}

test.each([
  ['in the table that both threads see', 'short'],
  ['by a message, since its id has no place in the table', 'x'.repeat(60)],
])('an attempt that is held %s is renewed, and given up when it is no longer current', async (_, id) => {
  const client = redis.client();
  await client.flushall();
  const agent = identityOf('kept', 'i-kept', 1);
  const lost: string[] = [];
  const leaseRenewer = new LeaseRenewer({
    transport: {
      transport: 'redis',
      redisUrl: redis.url,
      agent,
      description: { host: 'h', pid: 7, version: '1', queues: ['default'], types: [], concurrency: 2 },
      leaseMs,
    },
    ...{ leaseMs, maxBlockMs: leaseMs, graceMs: 1000, mayKill: false },
    logger: { level: 'silent' },
    onLost: (attempt) => lost.push(attempt.id),
    onCancelled: () => undefined,
    onDraining: () => undefined,
    onOver: () => undefined,
  });
  await leaseRenewer.start();
  const options = { notAfter: Number.MAX_SAFE_INTEGER, maxBacklog: 100 };
  await submit(client, keys, [newCommand(id)], options);
  const { agentId, session } = agent;
  const reply = await start(client, keys, {
    agentId,
    session,
    limit: 1,
    queues: ['default'],
    types: [],
    inFlight: [],
  });
  const [command] = reply.word === 'ok' ? reply.started : [];
  const held = command as StartedCommand;
  const longAgo = { monotonicMs: now().monotonicMs - leaseMs / 2, wallMs: Date.now() - leaseMs / 2 };
  const age = () =>
    client.call(
      'XCLAIM',
      keys.stream('default'),
      group,
      agentId,
      0,
      held.entry.split('/')[1] ?? '',
      'IDLE',
      leaseMs / 2,
      'JUSTID',
    );

  await age();
  leaseRenewer.track(held, longAgo);
  leaseRenewer.flush();
  await until(async () => (await idleMs(held.entry)) < leaseMs / 4);
  expect(lost).toEqual([]);

  await client.del(keys.marker(id));
  leaseRenewer.track(held, longAgo);
  leaseRenewer.flush();
  await until(() => Promise.resolve(lost.length > 0));
  expect(lost).toEqual([id]);
  await leaseRenewer.stop();
});
