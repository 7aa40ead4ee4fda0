import { createHash } from 'node:crypto';
import stringify from 'safe-stable-stringify';
import { v5, v7 } from 'uuid';
import { defaults, keyPattern, keyRule, type Submission } from '../../shared/protocol/commands.js';
import { type NewCommand } from '../../shared/lifecycle/transitions.js';
import { invalid } from '../http/problem.js';
import { type CheckedSubmission } from './submission-parser.js';

/** What ids of Idempotency-Keys are made with. Changing it gives every key a new command: never do. */
const keyNamespace = '7c9f4a52-62a8-4d0e-9b1d-3f1f0d0f7e51';

/** @throws Problem when the header is there and cannot be a key */
export function parseIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined || keyPattern.test(header)) return header;
  throw invalid([{ field: 'Idempotency-Key', message: keyRule }]);
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
    digest: key === undefined ? '' : digestOf(submission),
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

/** Of what was asked for, whatever the order and spacing in which it was written. */
function digestOf(submission: Submission): string {
  return createHash('sha256').update(stringify(submission)).digest('base64url');
}
