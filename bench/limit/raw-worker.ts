import { Redis } from 'ioredis';
import { z } from 'zod';
import { exitWithParent, reportReady } from '../../shared/runtime/parent.js';
import { load } from '../load.js';
import { type RawEntry, rawGroup, rawKeys, readRaw, startRaw } from './raw-commands.js';

// A process of its own, as Fencepost's agent is one. Its argument: Redis's unix socket.
const [socket] = z.tuple([z.string()]).parse(process.argv.slice(2));

/** So that Redis and this process work at once. */
const lanes = 2;
const blockMs = 1000;

const connect = () => {
  const redis = new Redis({ path: socket, replyMapping: 'legacy', maxRetriesPerRequest: null });
  redis.on('error', () => undefined);
  return redis;
};

/** Reads, starts, and reports with the next read; waits only when it has nothing left to report. */
async function work(redis: Redis): Promise<never> {
  let ended: readonly RawEntry[] = [];
  for (;;) {
    const entries = await readRaw(redis, load.batch, ended, ended.length === 0 ? blockMs : undefined);
    if (entries.length > 0) await startRaw(redis, entries);
    ended = entries;
  }
}

async function main(): Promise<void> {
  const connections = Array.from({ length: lanes }, connect);
  await connections[0]?.xgroup('CREATE', rawKeys.stream, rawGroup, '0', 'MKSTREAM');
  const stop = () => {
    for (const redis of connections) redis.disconnect();
    return Promise.resolve();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void stop().finally(() => process.exit(0)));
  }
  exitWithParent(stop, 1000);
  reportReady();
  await Promise.all(connections.map(work));
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exit(1);
});
