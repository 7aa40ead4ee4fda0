import { type Outcome } from '../shared/lifecycle/transitions.js';
import { limits } from '../shared/protocol/commands.js';
import { keptMessage } from '../shared/protocol/error-message.js';
import { messageOf, propertyOf } from '../shared/runtime/thrown.js';
import { executionErrorMark, type CommandType } from './commands/command-type.js';
import { storedJson } from './stored-json.js';

/**
 * Where whatever a handler returned, threw or attached becomes an outcome. Nothing that comes from a handler
 * gets past this without being looked at: the outcome is one that Redis, servers and journals take, and no
 * function here throws, whatever the value does when it is read.
 */

const resultBounds = { bytes: limits.resultBytes, levels: limits.resultDepth };

type FailureCode = 'EXECUTION_FAILED' | 'TIMEOUT' | 'AGENT_LOST' | 'CANCELLED';

/** The details that a failed handler gave beside its message. */
interface Details {
  readonly result?: string | undefined;
  readonly retryable: boolean;
  readonly pauseMs: number;
  /** Notes on details that cannot be kept, and on what was made of them. */
  readonly remarks: readonly string[];
}

const noDetails: Details = { retryable: true, pauseMs: 0, remarks: [] };

/** The handler ended well: with this result, if it is one that can be stored. */
export function completion(type: CommandType, result: unknown): Outcome {
  const why = misfit(type, result);
  if (why !== undefined) return failureWith('EXECUTION_FAILED', why, noDetails);
  // The handler's own value, not the checked copy, which may lack what a schema cannot carry (a key named
  // __proto__). Nothing is null, as it is in an answer.
  const stored = storedJson(result === undefined ? null : result, resultBounds);
  if ('text' in stored) return { status: 'COMPLETED', result: stored.text };
  // The effect has happened: another try would repeat it, and end here again.
  return failureWith('EXECUTION_FAILED', `the handler's result ${stored.why}`, {
    ...noDetails,
    retryable: false,
  });
}

/** Why a result is not what its type promises; undefined when it is. */
function misfit(type: CommandType, result: unknown): string | undefined {
  try {
    const checked = type.result.safeParse(result);
    if (checked.success) return undefined;
    return `the handler's result does not fit its type: ${checked.error.issues[0]?.message}`;
  } catch (error) {
    return `the definition of ${type.type} failed at this result: ${messageOf(error)}`;
  }
}

/**
 * The handler was called and did not end well.
 *
 * @param message why, when it was not by itself; else what it threw says it
 */
export function failure(code: FailureCode, thrown: unknown, message = messageOf(thrown)): Outcome {
  return failureWith(code, message, isExecutionError(thrown) ? detailsOf(thrown) : noDetails);
}

/** The handler was never called, and never will be for this attempt. */
export function refusal(
  code: 'INVALID_PAYLOAD' | 'UNSUPPORTED_TYPE' | 'AGENT_LOST' | 'CANCELLED',
  why: string,
): Outcome {
  const message = keptMessage(why);
  return { status: 'FAILED', code, message, executed: 'no', retryable: false, pauseMs: 0 };
}

function failureWith(code: FailureCode, why: string, { remarks, ...details }: Details): Outcome {
  const remark = remarks.length === 0 ? '' : ` (${remarks.join('; ')})`;
  const message = keptMessage(why, limits.messageChars - remark.length) + remark;
  const retryable = code !== 'CANCELLED' && details.retryable;
  return { status: 'FAILED', code, message, executed: 'yes', ...details, retryable };
}

/**
 * By its mark or its name, and not by its class: a module may have a copy of the package of its own, of another
 * version, or none at all.
 */
function isExecutionError(thrown: unknown): boolean {
  return propertyOf(thrown, executionErrorMark) === true || propertyOf(thrown, 'name') === 'ExecutionError';
}

function detailsOf(error: unknown): Details {
  const remarks: string[] = [];
  const pauseMs = pauseOf(propertyOf(error, 'retryAfterMs'), remarks);
  const result = resultOf(propertyOf(error, 'result'), remarks);
  const retryable = propertyOf(error, 'retryable');
  return { result, retryable: retryable === undefined || Boolean(retryable), pauseMs, remarks };
}

function resultOf(value: unknown, remarks: string[]): string | undefined {
  if (value === undefined) return undefined;
  const stored = storedJson(value, resultBounds);
  if ('text' in stored) return stored.text;
  remarks.push(`its result ${stored.why}, so it is not stored`);
  return undefined;
}

/** A whole number of ms, never less than was asked for, and at most as much as a command can be postponed. */
function pauseOf(asked: unknown, remarks: string[]): number {
  if (asked === undefined) return 0;
  if (typeof asked !== 'number' || Number.isNaN(asked)) {
    remarks.push('its retryAfterMs is not a number, and counts as 0');
    return 0;
  }
  return Math.ceil(Math.min(Math.max(asked, 0), limits.delayMs)) + 0;
}
