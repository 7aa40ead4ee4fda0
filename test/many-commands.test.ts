import { type Redis } from 'ioredis';
import { pause } from '../shared/runtime/service.js';
import { partitionKeys } from '../shared/store/keys.js';
import { ClientLog } from '../testing/client-log.js';
import { Deployment } from '../testing/deployment.js';
import { byExtent } from '../testing/extent.js';
import { Ledger } from '../testing/ledger.js';
import { startServerHere } from './server-here.js';

/**
 * Many commands leave nothing behind in Redis when their retention is over. `COMMANDS=1000000` tries it with a
 * million, as `.ci/nightly` does.
 */

const commands = Number(process.env.COMMANDS ?? byExtent(5000, 3000));
const batch = 1000;
const batchesInFlight = 4;
const mebibyte = 1024 * 1024;
const keys = partitionKeys();
const leastRetentionMs = 10_000;
/**
 * The history checker reads the whole history of all of them. With a million, that would fill a disk, and the
 * checker.
 */
const isJudged = commands <= 50_000;
const redisConfig = { 'aof-disable-auto-gc': isJudged ? 'yes' : 'no' };

let deployment: Deployment;
let ledger: Ledger;
let redis: Redis;

beforeAll(async () => {
  ledger = await Ledger.start();
  const env = { AGENT_CONCURRENCY: '100', LOG_LEVEL: 'warn' };
  deployment = await Deployment.start({ agents: 1, env, redisConfig });
  redis = deployment.redis.client();
});
afterAll(async () => {
  await deployment.stop();
  await ledger.stop();
});

/** Returns the memory in use, without the allocator's fragmentation and what the process has not returned. */
async function usedMemory(): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
}

async function keyspace(): Promise<string[]> {
  return (await redis.keys('*')).sort();
}

/** At least so many. */
async function submitAll(clients: ClientLog): Promise<void> {
  let left = commands;
  const lane = async () => {
    while (left > 0) {
      const size = Math.min(left, batch);
      left -= size;
      const some = Array.from({ length: size }, () => ({ type: 'DELAY', payload: { ms: 0 } }));
      // On a machine that is too busy it may stay unknown whether a batch was stored: then there are more in the end.
      while ((await clients.submitBatch(deployment.url, some)).outcome !== 'accepted') await pause(100);
    }
  };
  await Promise.all(Array.from({ length: batchesInFlight }, lane));
}

/** Two servers at once, which keep what has ended for as short a time as there is. */
async function pruneAll(): Promise<void> {
  const [server] = deployment.servers.splice(0);
  server?.process.kill('SIGTERM');
  await server?.process.exited;
  const env = { RETENTION_MS: '0' };
  await Promise.all([deployment.startServer({ env }), startServerHere(deployment, env)]);
  while (Number(await redis.hget(keys.counts, 'COMPLETED')) > 0) await pause(100);
}

/** Redis makes its tables smaller bit by bit, ten times a second. */
async function settledMemory(atMost: number): Promise<number> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const used = await usedMemory();
    if (used <= atMost || performance.now() > deadline) return used;
    await pause(100);
  }
}

const secondsSince = (began: number) => (performance.now() - began) / 1000;
const inMb = (bytes: number) => (bytes / mebibyte).toFixed(2);

test(
  `${commands} commands complete, and when they are pruned Redis holds what it held before`,
  async () => {
    // The agent opens the stream at which it waits, once it is ready.
    while ((await redis.exists(keys.stream('default'))) === 0) await pause(20);
    const [before, usedBefore] = [await keyspace(), await usedMemory()];
    const clients = new ClientLog();
    const began = performance.now();
    await submitAll(clients);
    const submitSeconds = secondsSince(began);
    await deployment.settled(commands);
    const seconds = secondsSince(began);
    expect(clients.accepted().size).toBe(commands);
    const stored = await redis.zcard(keys.index);
    expect(stored).toBeGreaterThanOrEqual(commands);
    const counts = { PENDING: '0', RUNNING: '0', COMPLETED: String(stored) };
    expect(await redis.hgetall(keys.counts)).toEqual(counts);
    const usedFull = await usedMemory();

    const beganPruning = performance.now();
    await pruneAll();
    const pruneSeconds = secondsSince(beganPruning);
    const used = await settledMemory(usedBefore + mebibyte);
    while ((await redis.exists(keys.queues)) + 1 - (await redis.exists(keys.stream('default'))) > 0)
      await pause(100);
    const after = await keyspace();
    process.stdout.write(
      `${commands} commands: submitted in ${submitSeconds.toFixed(1)} s, completed in ${seconds.toFixed(1)} s` +
        ` (${Math.round(commands / seconds)}/s), pruned in ${pruneSeconds.toFixed(1)} s;` +
        ` used_memory ${inMb(usedBefore)} MB at the start, ${inMb(usedFull)} MB full, ${inMb(used)} MB after;` +
        ` DBSIZE ${before.length} at the start, ${after.length} after\n`,
    );
    // The stream at which the agents wait was there before: they opened it again when its queue was retired.
    expect(after).toEqual([...before, keys.counts, keys.retention].sort());
    expect(await redis.xlen(keys.stream('default'))).toBe(0);
    expect(await redis.hgetall(keys.counts)).toEqual({ ...counts, COMPLETED: '0' });
    expect(Number(await redis.hget(keys.retention, 'pruned'))).toBe(stored);
    expect(used - usedBefore).toBeLessThan(5 * mebibyte);
    if (!isJudged) return;
    const retentionMs = leastRetentionMs;
    const report = await deployment.judge({ clients, ledger, faults: 'none', retentionMs });
    expect(report.violations).toEqual([]);
    expect(report.counts).toMatchObject({ completed: stored, pruned: stored, transitions: 3 * stored });
  },
  120_000 + commands,
);
