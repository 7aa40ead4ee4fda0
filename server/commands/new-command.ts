import { createHash } from 'node:crypto';
import stringify from 'safe-stable-stringify';
import { v5, v7 } from 'uuid';
import { defaults, keyPattern, keyRule, type Submission } from '../../shared/protocol/commands.js';
import { type NewCommand } from '../../shared/lifecycle/transitions.js';
import { invalid } from '../http/problem.js';
import { type CheckedSubmission } from './submission-parser.js';

/** The namespace of ids made from Idempotency-Keys. Never change it: every key would get a new command. */
const keyNamespace = '7c9f4a52-62a8-4d0e-9b1d-3f1f0d0f7e51';

/** @throws Problem when the header is there and cannot be a key */
export function parseIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined || keyPattern.test(header)) return header;
  throw invalid([{ field: 'Idempotency-Key', message: keyRule }]);
}

/**
 * The commands of a batch. One without a key of its own gets one of the batch's key and its place: sent again
 * with the same key, the batch is found again, and with another body it is a conflict.
 */
export function newCommands(batch: readonly CheckedSubmission[], batchKey: string | undefined): NewCommand[] {
  const digest = batchKey === undefined ? '' : digestOf(batch.map(({ submission }) => submission));
  return batch.map((checked, place) => {
    const { idempotencyKey } = checked.submission;
    if (idempotencyKey !== undefined || batchKey === undefined) return newCommand(checked, idempotencyKey);
    // No key has a line break in it, so no other command has this id.
    return { ...newCommand(checked), id: v5(`${batchKey}\n${place}`, keyNamespace), digest };
  });
}

/**
 * A command as the script stores it. The same key gives the same id wherever it is sent, so that a
 * client that never got its answer may ask again, of any server.
 */
export function newCommand(checked: CheckedSubmission, key?: string): NewCommand {
  const { submission, payloadText, typeOnAgentLost } = checked;
  const { runAt, delayMs } = submission;
  return {
    id: key === undefined ? v7() : v5(key, keyNamespace),
    digest: key === undefined ? '' : digestOf({ ...submission, idempotencyKey: undefined }),
    type: submission.type,
    payload: payloadText,
    queue: submission.queue ?? defaults.queue,
    onAgentLost: submission.onAgentLost ?? typeOnAgentLost,
    start:
      runAt !== undefined ? { at: Date.parse(runAt) } : delayMs !== undefined ? { inMs: delayMs } : undefined,
    timeoutMs: submission.timeoutMs,
    ttlMs: submission.ttlMs,
    maxLosses: submission.maxLosses,
    maxAttempts: submission.maxAttempts,
  };
}

/** Returns a digest of a request that does not depend on the order and spacing in which it was written. */
function digestOf(asked: Submission | readonly Submission[]): string {
  return createHash('sha256').update(stringify(asked)).digest('base64url');
}
