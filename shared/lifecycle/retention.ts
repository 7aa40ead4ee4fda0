import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type PartitionKeys } from '../store/keys.js';
import { callScript } from './scripts.js';

/** How long commands are kept after they ended. */

/**
 * How long a submission may be under way before it is refused, and so the least time for which an ended
 * command is kept: delivered later than that, after its own answer was lost and its command pruned, it
 * would be carried out a second time.
 */
export const longestSubmissionMs = 10_000;

/**
 * How long `RETENTION_MAX` leaves an ended command alone, however many there are: a client that had no answer
 * has long resent its request by then, with its key, and must be given the first id.
 */
export const crowdedMs = 60_000;

export interface Retention {
  /** How long an ended command is kept; `longestSubmissionMs` at least. */
  readonly retentionMs: number;
  /** Most ended commands that are kept, but for those that ended within `crowdedMs`. */
  readonly retentionMax: number;
}

export interface PruneOptions extends Retention {
  /** Where in the order of submission to go on: 0, or `next` of the last call. */
  readonly rank: number;
  /** How many commands to look at, 1,000 at most: Redis does nothing else meanwhile. */
  readonly most: number;
}

const pruneReplySchema = z.tuple([z.number(), z.number(), z.number()]);

/**
 * Deletes ended commands whose time is over, with all that is theirs, the oldest first.
 *
 * @returns how many, and where to go on: 0 when nothing that is left can be due yet
 */
export async function prune(
  redis: Redis,
  keys: PartitionKeys,
  { retentionMs, retentionMax, rank, most }: PruneOptions,
): Promise<{ count: number; next: number }> {
  const args = [retentionMs, retentionMax, longestSubmissionMs, crowdedMs, rank, most];
  const [, count, next] = pruneReplySchema.parse(await callScript(redis, 'prune', keys.root, args));
  return { count, next };
}
