import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type PartitionKeys } from '../store/keys.js';
import { type HeldAttempt } from './attempt-leases.js';
import { callScript } from './scripts.js';

/** How far an attempt is, as it reports it. */
export interface ProgressUpdate extends HeldAttempt {
  /** Grows with each progress of an attempt: one that arrives late does not replace a later one. */
  readonly sequence: number;
  /** JSON, as `JSON.stringify` writes it. */
  readonly progress: string;
}

const progressWordSchema = z.enum(['ok', 'again', 'lost', 'gone', 'broken']);
/** `again`: this one, or a later one of the same attempt, is stored. `lost`: the attempt is no longer this session's. */
export type ProgressWord = z.infer<typeof progressWordSchema>;

/** Stores how far attempts are, and publishes it. @returns a word per item, in order */
export async function reportProgress(
  redis: Redis,
  keys: PartitionKeys,
  agentId: string,
  session: string,
  told: readonly ProgressUpdate[],
): Promise<ProgressWord[]> {
  const items = told.flatMap(({ id, attempt, sequence, progress }) => [id, attempt, sequence, progress]);
  const reply = await callScript(redis, 'progress', keys.root, [agentId, session, told.length, ...items]);
  return z.tuple([z.number(), z.array(progressWordSchema)]).parse(reply)[1];
}
