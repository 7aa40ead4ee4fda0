import { type z } from 'zod';
import { type TypeTimeout } from '../../shared/protocol/command-types.js';
import { type Json, type OnAgentLost, type Progress } from '../../shared/protocol/commands.js';
import { type Logger } from '../../shared/runtime/logger.js';

/** The argument of a handler. */
export interface ExecutionContext<Payload> {
  readonly commandId: string;
  /** The fencing token: send it along, so that the target can refuse an older attempt. */
  readonly attempt: number;
  /** Checked by the type's payload schema. */
  readonly payload: Payload;
  /** Aborted when the time is up, the command was cancelled, or the lease is gone. Stop, then settle. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Writes to the agent's log, with the command's id, attempt and type in each line. */
  readonly log: Logger;
  /**
   * Reports how far this attempt is: a number, or any JSON of at most 1 KiB that its clients understand. The
   * latest value counts; it is sent a few times a second at most, so a handler may call this as often as it likes.
   *
   * @throws InvalidProgressError when it is no JSON, or too large
   */
  readonly progress: (value: Progress) => void;
}

/** One command type, made by `defineCommand`: a file in `agent/commands/`, or of a module that `AGENT_COMMANDS` names. */
export interface CommandType<Payload = unknown, Result = unknown> {
  /** The name that submissions have as their `type`, for example `DELAY`. */
  readonly type: string;
  readonly payload: z.ZodType<Payload>;
  readonly result: z.ZodType<Result>;
  /**
   * The timeout of a submission without `timeoutMs`: a fixed number of ms; a number in its payload plus some ms; or
   * the result of a function, which only agents know: if an agent hangs, no server can see that the time is up.
   */
  readonly timeoutMs: TypeTimeout | ((payload: Payload) => number);
  /** The lost-agent policy of a submission without `onAgentLost`; `fail` when left out. */
  readonly onAgentLost?: OnAgentLost | undefined;
  /**
   * Does the work. If it resolves to a result, the command is COMPLETED. If it throws, the command is FAILED /
   * `EXECUTION_FAILED`, with what an `ExecutionError` has beside its message.
   */
  execute(context: ExecutionContext<Payload>): Promise<Result>;
}

export interface ExecutionErrorOptions {
  /** Stored beside the error, for example the answer of the target. As large and as deep as a result may be. */
  readonly result?: Json;
  /** Whether another try may help; true when left out. */
  readonly retryable?: boolean;
  /** The least pause before another try: at most a year, rounded up to whole ms; what is no number counts as 0. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/** By this an agent knows an `ExecutionError`, whichever copy of the package made it. */
export const executionErrorMark: unique symbol = Symbol.for('fencepost.ExecutionError');

/** A failure that a handler expects and can describe. */
export class ExecutionError extends Error {
  readonly result: Json | undefined;
  readonly retryable: boolean;
  readonly retryAfterMs: number;
  declare readonly [executionErrorMark]: true;

  static {
    // A property of the prototype does not show when an error is printed.
    Object.defineProperty(this.prototype, executionErrorMark, { value: true });
  }

  constructor(message: string, options: ExecutionErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'ExecutionError';
    this.result = options.result;
    this.retryable = options.retryable ?? true;
    this.retryAfterMs = options.retryAfterMs ?? 0;
  }
}
