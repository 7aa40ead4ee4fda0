import { CommanderError } from 'commander';
import {
  AnswerLost,
  AnswerUnexpected,
  ClientError,
  RequestRefused,
  ServerUnavailable,
  WaitTimedOut,
} from '../../shared/client/errors.js';
import { ConfigError } from '../../shared/runtime/config.js';
import { exitCodes, OutputClosed, UsageError } from './exit-codes.js';

export interface Fault {
  readonly exitCode: number;
  /** What to tell, if it was not told yet. */
  readonly lines: readonly string[];
}

/** What an error means for whoever typed the line, or undefined for a bug. */
export function faultOf(error: unknown): Fault | undefined {
  if (error instanceof CommanderError) {
    return { exitCode: error.exitCode === 0 ? exitCodes.done : exitCodes.usage, lines: [] };
  }
  if (error instanceof ConfigError) return { exitCode: exitCodes.usage, lines: error.faults };
  if (error instanceof UsageError) return { exitCode: exitCodes.usage, lines: [error.message] };
  if (error instanceof OutputClosed) return { exitCode: exitCodes.failed, lines: [error.message] };
  if (error instanceof RequestRefused) return refused(error);
  if (error instanceof WaitTimedOut) return { exitCode: exitCodes.failed, lines: [error.message] };
  const isAway = [ServerUnavailable, AnswerLost, AnswerUnexpected].some((kind) => error instanceof kind);
  if (isAway && error instanceof ClientError) {
    const { problem, message } = error;
    const what = problem ? `${problem.title}: ${problem.detail}` : message;
    return { exitCode: exitCodes.away, lines: [...what.split('\n'), 'fencepost doctor says what is wrong'] };
  }
  return undefined;
}

function refused({ message, problem }: RequestRefused): Fault {
  const lines = [problem?.detail ?? message];
  const others = problem?.errors?.slice(1) ?? [];
  for (const { field, message: why } of others) lines.push(`${field} ${why}`);
  // 400 and the like are about what was typed; what is not found, or cannot be done now, is not.
  const isUsage = problem !== undefined && [400, 413, 415, 422].includes(problem.status);
  return { exitCode: isUsage ? exitCodes.usage : exitCodes.failed, lines };
}
