import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type Leftovers, type Stats } from '../../shared/protocol/api.js';
import { ifWrongType } from '../../shared/store/command-reader.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { readQueues } from './queues.js';

const count = z.coerce.number().int().catch(0);
const countsSchema = z.object({ PENDING: count, RUNNING: count, COMPLETED: count, FAILED: count });

/** The whole in numbers. @param leftoverRunning what this server found when it started */
export async function readStats(
  redis: Redis,
  keys: PartitionKeys,
  leftoverRunning: Leftovers | null,
): Promise<Stats> {
  const [counts, scheduled, deadEntries, queues] = await Promise.all([
    redis.hgetall(keys.counts).catch(ifWrongType({})),
    redis.zcard(keys.scheduled).catch(ifWrongType(0)),
    redis.xlen(keys.dead).catch(ifWrongType(0)),
    readQueues(redis, keys),
  ]);
  const waits = queues.flatMap(({ oldestWaitingMs }) => oldestWaitingMs ?? []);
  return {
    counts: countsSchema.parse(counts),
    scheduled,
    pendingEntries: queues.reduce((sum, { pending }) => sum + pending, 0),
    oldestWaitingMs: waits.length > 0 ? Math.max(...waits) : null,
    deadEntries,
    leftoverRunning,
  };
}
