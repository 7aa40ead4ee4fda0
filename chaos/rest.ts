import { type Redis } from 'ioredis';
import { isAborted, pause } from '../shared/runtime/service.js';
import { partitionKeys } from '../shared/store/keys.js';
import { withLanes } from '../shared/store/lanes.js';

const keys = partitionKeys();

/** How long a healed round may take to come to rest before it counts as stuck: far beyond every lease and back-off. */
export const longestRestMs = (leaseMs: number) => 30_000 + 10 * leaseMs;

/** Nothing is PENDING or RUNNING, and no entry is left, not even a doubled one. */
export async function comesToRest(
  redis: Redis,
  queues: readonly string[],
  withinMs: number,
): Promise<boolean> {
  const deadline = AbortSignal.timeout(withinMs);
  while (!isAborted(deadline)) {
    const counts = await redis.hgetall(keys.counts);
    const all = await withLanes(redis, keys, queues);
    const lengths = await Promise.all(all.map((queue) => redis.xlen(keys.stream(queue))));
    const open = Number(counts.PENDING ?? 0) + Number(counts.RUNNING ?? 0);
    if (open === 0 && lengths.every((length) => length === 0)) return true;
    await pause(50);
  }
  return false;
}
