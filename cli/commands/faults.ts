import { CommanderError } from 'commander';
import {
  ResponseLostError,
  UnexpectedResponseError,
  ClientError,
  RequestRejectedError,
  ServerUnavailableError,
  WaitTimeoutError,
} from '../../shared/client/errors.js';
import { problemErrors } from '../../shared/protocol/bounds.js';
import { ConfigError } from '../../shared/runtime/config.js';
import { exitCodes, OutputClosed, UsageError } from './exit-codes.js';

export interface Fault {
  readonly exitCode: number;
  /** The lines to print; none when they were printed already. */
  readonly lines: readonly string[];
}

/** Returns what an error means for the user who typed the line, or undefined for a bug. */
export function faultOf(error: unknown): Fault | undefined {
  if (error instanceof CommanderError) {
    return { exitCode: error.exitCode === 0 ? exitCodes.done : exitCodes.usage, lines: [] };
  }
  if (error instanceof ConfigError) return { exitCode: exitCodes.usage, lines: error.faults };
  if (error instanceof UsageError) {
    return { exitCode: exitCodes.usage, lines: [error.message, ...error.others] };
  }
  if (error instanceof OutputClosed) return { exitCode: exitCodes.failed, lines: [error.message] };
  if (error instanceof RequestRejectedError) return refused(error);
  if (error instanceof WaitTimeoutError) return { exitCode: exitCodes.failed, lines: [error.message] };
  const isAway = [ServerUnavailableError, ResponseLostError, UnexpectedResponseError].some(
    (kind) => error instanceof kind,
  );
  if (isAway && error instanceof ClientError) {
    const { problem, message } = error;
    const what = problem ? `${problem.title}: ${problem.detail}` : message;
    return {
      exitCode: exitCodes.away,
      lines: [...what.split('\n'), 'run fencepost doctor to find the cause'],
    };
  }
  return undefined;
}

function refused(error: RequestRejectedError): Fault {
  const { problem } = error;
  // 400 and the like are about what was typed; what is not found, or cannot be done now, is not.
  const isUsage = problem !== undefined && [400, 413, 415, 422].includes(problem.status);
  return { exitCode: isUsage ? exitCodes.usage : exitCodes.failed, lines: linesOfRefusal(error) };
}

/** Every fault that a server found, a line each: its detail has the first, and for the others names a field of JSON. */
export function linesOfRefusal({ message, problem }: RequestRejectedError): readonly [string, ...string[]] {
  const [first, ...others] = (problem?.errors ?? []).map(({ field, message: why }) => `${field} ${why}`);
  const detail = problem?.detail ?? message;
  if (first === undefined) return [detail];
  const lines = others.length + 1 < problemErrors ? others : [...others, mayBeMore];
  return [detail.startsWith(first) ? first : detail, ...lines];
}

const mayBeMore = `these are the first ${problemErrors} errors: fix them, and the server checks for more`;
