import { type z } from 'zod';
import { type TypeTimeout } from '../../shared/protocol/command-types.js';
import { type Json, type OnAgentLost, type Progress } from '../../shared/protocol/commands.js';
import { type Logger } from '../../shared/runtime/logger.js';

/** What a handler is given. */
export interface ExecutionContext<Payload> {
  readonly commandId: string;
  /** The fencing token: send it along, so that the far side can refuse an older attempt. */
  readonly attempt: number;
  /** Checked by the type's payload schema. */
  readonly payload: Payload;
  /** Aborted when the time is up, the command was cancelled, or the lease is gone. Stop, then settle. */
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Writes to the agent's log, with the command's id, attempt and type in each line. */
  readonly log: Logger;
  /**
   * Says how far this attempt is: a number, or whatever JSON of at most 1 KiB its callers understand. The
   * latest counts; it is sent a few times a second at most, so it may be called as often as one likes.
   *
   * @throws BadProgress when it is no JSON, or too large
   */
  readonly progress: (value: Progress) => void;
}

/** One command type, made by `defineCommand`: a file in `agent/commands/`, or of a module that `AGENT_COMMANDS` names. */
export interface CommandType<Payload = unknown, Result = unknown> {
  /** As in a submission's `type`, for example `DELAY`. */
  readonly type: string;
  readonly payload: z.ZodType<Payload>;
  readonly result: z.ZodType<Result>;
  /**
   * What a submission without `timeoutMs` gets: so many ms; as many as a number in its payload says, and
   * more; or whatever a function says, which only agents know: should one hang, no server can tell.
   */
  readonly timeoutMs: TypeTimeout | ((payload: Payload) => number);
  /** What a submission without `onAgentLost` gets; `fail` when left out. */
  readonly onAgentLost?: OnAgentLost | undefined;
  /**
   * Does the work. Resolves to the result: the command is COMPLETED. Throws: it is FAILED /
   * `EXECUTION_FAILED`, with what an `ExecutionError` says beside its message.
   */
  execute(context: ExecutionContext<Payload>): Promise<Result>;
}

export interface ExecutionErrorOptions {
  /** Stored beside the error, for example what the far side answered. As large and as deep as a result may be. */
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
    // Of its prototype: it shows in no print of an error.
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
