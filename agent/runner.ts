import { type Outcome, type StartedCommand } from '../shared/lifecycle/transitions.js';
import { timeoutOf } from '../shared/protocol/command-types.js';
import { defaults, limits, type Progress } from '../shared/protocol/commands.js';
import { type Logger } from '../shared/runtime/logger.js';
import { ExecutionError, type CommandType } from './commands/command-type.js';
import { type CommandRegistry } from './command-registry.js';
import { type HandlerSignal } from './handler-signal.js';

/** Why an execution was aborted: the `reason` of its signal. */
export class ExecutionTimeout extends Error {
  override readonly name = 'ExecutionTimeout';
}

/** The attempt is no longer this agent's, or may not be for long: the `reason` of its signal, too. */
export class AttemptLost extends Error {
  override readonly name = 'AttemptLost';
}

/** Somebody wants it to stop: the `reason` of its signal, too. */
export class CommandCancelled extends Error {
  override readonly name = 'CommandCancelled';

  constructor() {
    super('it was cancelled');
  }
}

export interface RunnerOptions {
  readonly registry: CommandRegistry;
  /** How long a handler may go on after its signal was aborted. */
  readonly graceMs: number;
  /**
   * A handler ignored its signal for `graceMs`. Its outcome must be kept and the process must end:
   * as long as the handler runs, no other attempt may begin.
   */
  readonly onStuck: (command: StartedCommand, outcome: Outcome) => void;
  /** A handler said how far it is. @throws what is thrown in the handler */
  readonly onProgress: (command: StartedCommand, progress: Progress) => void;
  readonly logger: Logger;
}

/** Node turns a longer delay into 1 ms. */
const longestTimerMs = 2 ** 31 - 1;

const failed = (
  code: 'EXECUTION_FAILED' | 'TIMEOUT' | 'AGENT_LOST' | 'CANCELLED',
  message: string,
  error?: ExecutionError,
): Outcome => ({
  status: 'FAILED',
  code,
  message,
  executed: 'yes',
  result: error?.result === undefined ? undefined : JSON.stringify(error.result),
  retryable: code !== 'CANCELLED' && (error?.retryable ?? true),
  pauseMs: error?.retryAfterMs ?? 0,
});

/** The handler was never called, and never will be for this attempt. */
const refused = (
  code: 'INVALID_PAYLOAD' | 'UNSUPPORTED_TYPE' | 'AGENT_LOST' | 'CANCELLED',
  message: string,
): Outcome => ({
  status: 'FAILED',
  code,
  message,
  executed: 'no',
  retryable: false,
  pauseMs: 0,
});

/** Executes commands, one attempt at a time each, and turns whatever happens into an outcome. */
export class Runner {
  readonly #options: RunnerOptions;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /**
   * Executes one attempt. Never rejects: a failure is an outcome. Resolves when the handler has
   * settled, not before, however long that takes.
   *
   * @param abort the handler's signal is its: aborted here when the time is up, and by the caller
   *   when this attempt is no longer this agent's, or was cancelled
   */
  async run(command: StartedCommand, abort: HandlerSignal): Promise<Outcome> {
    // Given up before it began, as by an agent that woke up late: nobody waits for what it would do.
    if (abort.reason instanceof CommandCancelled) return refused('CANCELLED', abort.reason.message);
    if (abort.reason instanceof Error) return refused('AGENT_LOST', abort.reason.message);
    const type = this.#options.registry.get(command.type);
    // `start` gives an agent only types that it named.
    if (!type) return refused('UNSUPPORTED_TYPE', `this agent does not know ${command.type}`);
    const prepared = prepare(type, command);
    if ('why' in prepared) return refused('INVALID_PAYLOAD', prepared.why);
    return this.#execute(type, command, prepared, abort);
  }

  async #execute(
    type: CommandType,
    command: StartedCommand,
    { payload, timeoutMs }: Prepared,
    abort: HandlerSignal,
  ): Promise<Outcome> {
    const { onProgress, logger } = this.#options;
    let isOver = false;
    const stuck = new StuckWatch(this.#options, command, timeoutMs);
    const timer = setTimeout(
      () => abort.abort(new ExecutionTimeout(`not done after ${timeoutMs} ms`)),
      Math.min(timeoutMs, longestTimerMs),
    );
    abort.whenAborted(() => stuck.begin(abort.reason));
    try {
      const result = await type.execute({
        commandId: command.id,
        attempt: command.attempt,
        payload,
        get signal() {
          return abort.signal;
        },
        timeoutMs,
        // Made when it is asked for, as the signal is: most handlers never do.
        get log() {
          return logger.child({ commandId: command.id, attempt: command.attempt, type: command.type });
        },
        progress(value) {
          if (!isOver) onProgress(command, value);
        },
      });
      return completed(type, result);
    } catch (error) {
      return failure(error, abort.reason);
    } finally {
      isOver = true;
      clearTimeout(timer);
      stuck.end();
    }
  }
}

interface Prepared {
  readonly payload: unknown;
  readonly timeoutMs: number;
}

/** What a type's author wrote may throw: that is the command's failure, not its agent's. */
function prepare(type: CommandType, command: StartedCommand): Prepared | { readonly why: string } {
  try {
    const payload = type.payload.safeParse(parseJson(command.payload));
    if (payload.success) {
      return { payload: payload.data, timeoutMs: command.timeoutMs ?? defaultTimeout(type, payload.data) };
    }
    const faults = payload.error.issues.map(
      (issue) => `${['payload', ...issue.path].join('.')}: ${issue.message}`,
    );
    return { why: faults.join('; ') };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { why: `the definition of ${type.type} failed at this payload: ${why}` };
  }
}

/** Undefined for what is not JSON, which no schema takes: somebody wrote it past the server. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function defaultTimeout({ timeoutMs }: CommandType, payload: unknown): number {
  if (typeof timeoutMs !== 'function') return timeoutOf(timeoutMs, payload) ?? defaults.timeoutMs;
  const ms = timeoutMs(payload);
  // A timer takes anything else for 1 ms.
  if (!(ms >= 1)) throw new Error(`its timeoutMs gave ${ms}, and not a number of ms`);
  return ms;
}

/** The handler's result, as it is stored: checked here, since nothing executed may be unreportable. */
function completed(type: CommandType, result: unknown): Outcome {
  const checked = type.result.safeParse(result);
  if (!checked.success) {
    return failed(
      'EXECUTION_FAILED',
      `the handler's result does not fit its type: ${checked.error.issues[0]?.message}`,
    );
  }
  // The handler's own value, not the checked copy, which may lack what a schema cannot carry (a key
  // named __proto__). JSON.stringify gives undefined for what JSON cannot say.
  const json = JSON.stringify(result) as string | undefined;
  if (json === undefined) return failed('EXECUTION_FAILED', "the handler's result is not JSON");
  const bytes = Buffer.byteLength(json);
  if (bytes > limits.resultBytes) {
    return failed(
      'EXECUTION_FAILED',
      `the result has ${bytes} bytes, and at most ${limits.resultBytes} are stored`,
    );
  }
  return { status: 'COMPLETED', result: json };
}

/** @param reason why its signal was aborted, if it was */
function failure(error: unknown, reason: unknown): Outcome {
  const described = error instanceof ExecutionError ? error : undefined;
  const message = error instanceof Error ? error.message : String(error);
  // A handler that fails by itself after its signal was aborted failed because of that.
  if (reason instanceof ExecutionTimeout) return failed('TIMEOUT', reason.message, described);
  // Whether it is tried again is then for the rule for a lost agent.
  if (reason instanceof AttemptLost) return failed('AGENT_LOST', reason.message, described);
  if (reason instanceof CommandCancelled) return failed('CANCELLED', reason.message, described);
  return failed('EXECUTION_FAILED', message.slice(0, 4096), described);
}

/** Watches a handler whose signal was aborted: one that never settles must not hold up its agent for ever. */
class StuckWatch {
  readonly #options: RunnerOptions;
  readonly #command: StartedCommand;
  readonly #timeoutMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RunnerOptions, command: StartedCommand, timeoutMs: number) {
    this.#options = options;
    this.#command = command;
    this.#timeoutMs = timeoutMs;
  }

  begin(reason: unknown): void {
    const { graceMs, onStuck } = this.#options;
    const [code, why] = this.#endingBy(reason);
    this.#timer = setTimeout(() => {
      onStuck(this.#command, failed(code, `${why}, and deaf to its signal for ${graceMs} ms more`));
    }, graceMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #endingBy(reason: unknown): readonly ['AGENT_LOST' | 'CANCELLED' | 'TIMEOUT', string] {
    if (reason instanceof AttemptLost) return ['AGENT_LOST', reason.message];
    if (reason instanceof CommandCancelled) return ['CANCELLED', reason.message];
    return ['TIMEOUT', `not done after ${this.#timeoutMs} ms`];
  }
}
