import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type RunningAtStartup, type Stats } from '../../shared/protocol/api.js';
import { ifWrongType } from '../../shared/store/command-reader.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type QueueLoad } from '../queues/queue-loads.js';

const count = z.coerce.number().int().catch(0);
/** Limited to what a Date can hold, since the stored value may be malformed. */
const instant = z.coerce.number().int().min(0).max(8.64e15).catch(0);
const countsSchema = z.object({ PENDING: count, RUNNING: count, COMPLETED: count, FAILED: count });

/**
 * Reads the figures of the whole deployment.
 *
 * @param queues the loads of all queues in use
 * @param runningAtStartup the commands that this server found when it started
 */
export async function readStats(
  redis: Redis,
  keys: PartitionKeys,
  queues: readonly QueueLoad[],
  runningAtStartup: RunningAtStartup | null,
): Promise<Stats> {
  const [counts, scheduled, malformedEntries, pulse, pruning] = await Promise.all([
    redis.hgetall(keys.counts).catch(ifWrongType({})),
    redis.zcard(keys.scheduled).catch(ifWrongType(0)),
    redis.xlen(keys.dead).catch(ifWrongType(0)),
    redis.hmget(keys.recovery, 'holdOffs', 'holdUntil', 'lastTick').catch(ifWrongType([])),
    redis.hmget(keys.retention, 'pruned', 'prunedAt', 'behindMs').catch(ifWrongType([])),
  ]);
  const waits = queues.flatMap(({ oldestWaitingMs }) => oldestWaitingMs ?? []);
  return {
    counts: countsSchema.parse(counts),
    scheduled,
    pendingEntries: queues.reduce((sum, { pending }) => sum + pending, 0),
    // Not Math.max(...waits): there may be more of them than a call takes arguments.
    oldestWaitingMs: waits.length > 0 ? waits.reduce((most, one) => Math.max(most, one)) : null,
    malformedEntries,
    recovery: recoveryOf(pulse),
    retention: retentionOf(pruning),
    runningAtStartup,
  };
}

/** @param pulse what the `recover` script keeps; the time of its last call counts as now */
function recoveryOf([holdOffs, holdUntil, lastTick]: readonly (string | null)[]): Stats['recovery'] {
  const until = count.parse(holdUntil);
  const isPaused = until > count.parse(lastTick);
  return { pauses: count.parse(holdOffs), pausedUntil: isPaused ? new Date(until).toISOString() : null };
}

/** @param pruning what the `prune` script keeps */
function retentionOf([pruned, prunedAt, behindMs]: readonly (string | null)[]): Stats['retention'] {
  const at = instant.parse(prunedAt);
  return {
    pruned: count.parse(pruned),
    lastPrunedAt: at > 0 ? new Date(at).toISOString() : null,
    behindMs: count.parse(behindMs),
  };
}
