import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type HeldAttempt } from '../../shared/lifecycle/attempt-leases.js';
import { ticketOf } from '../../shared/lifecycle/transitions.js';
import { runAll } from '../../shared/store/command-reader.js';
import { type PartitionKeys } from '../../shared/store/keys.js';

const rowSchema = z.tuple([z.string(), z.string(), z.string()]);

/**
 * Translates the attempts that an agent reports as held into the tickets of their deliveries, by which `start`
 * knows them. An attempt that is no longer current has none, but takes up one of the agent's slots until the
 * agent has learned of that.
 */
export async function ticketsOf(
  redis: Redis,
  keys: PartitionKeys,
  holding: readonly HeldAttempt[],
): Promise<string[]> {
  if (holding.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const { id } of holding) pipeline.hmget(keys.command(id), 'queue', 'entry', 'attempt');
  const rows = await runAll(pipeline);
  return holding.map(({ id, attempt }, i) => {
    const row = rowSchema.safeParse(rows[i]).data;
    return row && row[2] === String(attempt) ? ticketOf(row[0], row[1]) : `${id}:${attempt}`;
  });
}
