import { type RunningAtStartup } from '../../shared/protocol/api.js';
import { CommandReader } from '../../shared/store/command-reader.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { commandsOf, pendingRows } from '../queues/pending-rows.js';

const listed = 20;
const chunk = 500;

/**
 * Finds the commands that are RUNNING now, and whether their leases are active. Changes nothing: a lease
 * is kept in Redis, and recovery deals with those that have expired.
 */
export async function findRunning(
  link: RedisCalls,
  keys: PartitionKeys,
  leaseMs: number,
): Promise<RunningAtStartup> {
  const rows = await link.call(async (redis) => {
    const queues = await redis.smembers(keys.queues);
    return (await Promise.all(queues.map((queue) => pendingRows(redis, keys, queue)))).flat();
  });
  const commandIds: string[] = [];
  let count = 0;
  let leasesActive = 0;
  for (let from = 0; from < rows.length; from += chunk) {
    const some = rows.slice(from, from + chunk);
    const summaries = await link.call(async (redis) =>
      new CommandReader(redis, keys).summaries(await commandsOf(redis, keys, some)),
    );
    for (const [i, summary] of summaries.entries()) {
      if (summary?.status !== 'RUNNING') continue;
      count++;
      if ((some[i]?.idleMs ?? 0) < leaseMs) leasesActive++;
      if (commandIds.length < listed) commandIds.push(summary.commandId);
    }
  }
  return { count, leasesActive, leasesExpired: count - leasesActive, commandIds };
}
