import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type PartitionKeys } from '../store/keys.js';
import { callScript } from './scripts.js';

/** Calls for the commands that an agent holds, besides starting and reporting them. */

/** One attempt that an agent holds. */
export interface HeldAttempt {
  readonly id: string;
  readonly attempt: number;
}

const renewWordSchema = z.enum(['ok', 'cancelled', 'lost', 'gone', 'broken']);
/**
 * `lost`: the attempt is no longer this session's, and the process that executes it must stop. `cancelled`:
 * it is, but an operator wants it to stop; its report ends it.
 */
export type RenewWord = z.infer<typeof renewWordSchema>;

/** Renews the leases of attempts that a session still works on. @returns a word per attempt, in order */
export async function renew(
  redis: Redis,
  keys: PartitionKeys,
  agentId: string,
  session: string,
  held: readonly HeldAttempt[],
): Promise<RenewWord[]> {
  const args = [agentId, session, held.length, ...held.flatMap(({ id, attempt }) => [id, attempt])];
  const reply = await callScript(redis, 'renew', keys.root, args);
  return z.tuple([z.number(), z.array(renewWordSchema)]).parse(reply)[1];
}

/** A delivery or an attempt that an agent gives up. */
export interface Release {
  readonly queue: string;
  readonly entry: string;
  readonly id: string;
  /** 0: it was delivered, and not started. */
  readonly attempt: number;
}

const releaseWordSchema = z.enum(['released', 'refused', 'gone', 'broken']);
export type ReleaseWord = z.infer<typeof releaseWordSchema>;

/**
 * Releases commands unexecuted: no loss. The caller must never execute these attempts, also
 * when it got no answer.
 *
 * @returns a word per item, in order
 */
export async function release(
  redis: Redis,
  keys: PartitionKeys,
  agentId: string,
  session: string,
  items: readonly Release[],
): Promise<ReleaseWord[]> {
  const fields = items.flatMap(({ queue, entry, id, attempt }) => [queue, entry, id, attempt]);
  const reply = await callScript(redis, 'release', keys.root, [agentId, session, items.length, ...fields]);
  return z.tuple([z.number(), z.array(releaseWordSchema)]).parse(reply)[1];
}
