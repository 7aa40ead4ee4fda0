import { type Redis } from 'ioredis';
import { z } from 'zod';
import { runAll } from '../store/command-reader.js';
import { type PartitionKeys } from '../store/keys.js';
import { callScript } from './scripts.js';

/** Operators cancel and retry commands here, and servers end attempts that hang. */

/** A moment of a command's life, as the caller saw it: a call that names it cannot hit a later one. */
export interface SeenLife {
  readonly id: string;
  readonly attempt: number;
  /** `retried` of its hash; '' in its first life. */
  readonly retried: string;
}

/** All that `cancel` and `retry` need to know, and to report, about a command. */
export interface SeenCommand extends SeenLife {
  readonly status: string;
  /** The field of its hash: '' unless terminal. */
  readonly finishedAt: string;
  /**
   * Whether the end of its last attempt was never reported: its agent may be cut off, frozen or hanging, and
   * its handler still at work.
   */
  readonly mayStillRun: boolean;
}

const text = z
  .string()
  .nullable()
  .transform((value) => value ?? '');
const seenSchema = z.tuple([text, text, text, text, text, text]);

/** @returns the commands as they are now, in order; undefined for one that does not exist, or is not one */
export async function seeCommands(
  redis: Redis,
  keys: PartitionKeys,
  ids: readonly string[],
): Promise<(SeenCommand | undefined)[]> {
  const pipeline = redis.pipeline();
  for (const id of ids)
    pipeline.hmget(keys.command(id), 'status', 'attempt', 'retried', 'finishedAt', 'executed', 'reported');
  const rows = await runAll(pipeline);
  return ids.map((id, i) => {
    const row = seenSchema.safeParse(rows[i]).data;
    if (!row || row[0] === '') return undefined;
    const [status, attempt, retried, finishedAt, executed, reported] = row;
    const isReported = reported.startsWith(`${attempt}:`);
    const mayStillRun = executed !== '' && executed !== 'no' && attempt !== '' && !isReported;
    return { id, status, attempt: Number(attempt), retried, finishedAt, mayStillRun };
  });
}

const cancelWordSchema = z.enum(['cancelled', 'requested', 'refused', 'gone', 'broken']);
/** `requested`: its agent is to stop, and its report ends it; `refused`: it ended, or moved on since it was seen. */
export type CancelWord = z.infer<typeof cancelWordSchema>;

/** PENDING → FAILED; a RUNNING one is asked to stop. @returns a word per command, in order */
export function cancel(redis: Redis, keys: PartitionKeys, seen: readonly SeenLife[]): Promise<CancelWord[]> {
  return callCancel(redis, keys, 'CANCELLED', 0, seen);
}

/** An attempt that may hang. */
export interface Overdue extends SeenLife {
  /** The time-out of its type, for a command without a `timeoutMs`; undefined when it is not known. */
  readonly typesTimeoutMs: number | undefined;
}

/**
 * RUNNING → FAILED, for attempts whose deadline, or the time to stop, is `marginMs` ago by Redis's clock.
 *
 * @returns a word per attempt, in order
 */
export function endOverdue(
  redis: Redis,
  keys: PartitionKeys,
  marginMs: number,
  attempts: readonly Overdue[],
): Promise<CancelWord[]> {
  return callCancel(redis, keys, 'TIMEOUT', marginMs, attempts);
}

async function callCancel(
  redis: Redis,
  keys: PartitionKeys,
  reason: 'CANCELLED' | 'TIMEOUT',
  marginMs: number,
  items: readonly (SeenLife & Partial<Pick<Overdue, 'typesTimeoutMs'>>)[],
): Promise<CancelWord[]> {
  const fields = items.flatMap(({ id, attempt, retried, typesTimeoutMs }) => [
    id,
    attempt,
    retried,
    typesTimeoutMs ?? '',
  ]);
  const reply = await callScript(redis, 'cancel', keys.root, [reason, marginMs, items.length, ...fields]);
  return z.tuple([z.number(), z.array(cancelWordSchema)]).parse(reply)[1];
}

const retryWordSchema = z.enum(['retried', 'refused', 'gone', 'broken']);
/** `retried`: by this call, or by an earlier one that was the same. */
export type RetryWord = z.infer<typeof retryWordSchema>;

/** FAILED → PENDING, each for the failure that was seen. @returns a word per command, in order */
export async function retry(
  redis: Redis,
  keys: PartitionKeys,
  seen: readonly Pick<SeenCommand, 'id' | 'finishedAt'>[],
): Promise<RetryWord[]> {
  const fields = seen.flatMap(({ id, finishedAt }) => [id, finishedAt]);
  const reply = await callScript(redis, 'retry', keys.root, [seen.length, ...fields]);
  return z.tuple([z.number(), z.array(retryWordSchema)]).parse(reply)[1];
}
