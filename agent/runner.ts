import { type Outcome, type StartedCommand } from '../shared/lifecycle/transitions.js';
import { timeoutOf } from '../shared/protocol/command-types.js';
import { defaults, limits, type Progress } from '../shared/protocol/commands.js';
import { type Logger } from '../shared/runtime/logger.js';
import { messageOf } from '../shared/runtime/thrown.js';
import { AgentStopped, AttemptLost, CommandCancelled, ExecutionTimeout } from './abort-reasons.js';
import { type CommandRegistry } from './command-registry.js';
import { type CommandType } from './commands/command-type.js';
import { Deadlines } from './deadlines.js';
import { type LazyAbortSignal } from './lazy-abort-signal.js';
import { completion, failure, refusal } from './outcome.js';

export interface RunnerOptions {
  readonly registry: CommandRegistry;
  /** How long a handler may go on after its signal was aborted. */
  readonly graceMs: number;
  /**
   * A handler ignored its signal for `graceMs`. Its outcome must be kept and the process must end:
   * as long as the handler runs, no other attempt may begin.
   */
  readonly onStuck: (command: StartedCommand, outcome: Outcome) => void;
  /** Called when a handler reports how far it is. @throws what is thrown in the handler */
  readonly onProgress: (command: StartedCommand, progress: Progress) => void;
  readonly logger: Logger;
}

/** Executes commands, one attempt at a time each, and turns whatever happens into an outcome. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #deadlines = new Deadlines();

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
  async run(command: StartedCommand, abort: LazyAbortSignal): Promise<Outcome> {
    // Given up before it began, as by an agent that was suspended: its effect is no longer wanted.
    if (abort.reason instanceof CommandCancelled) return refusal('CANCELLED', abort.reason.message);
    if (abort.reason instanceof Error) return refusal('AGENT_LOST', abort.reason.message);
    const type = this.#options.registry.get(command.type);
    // `start` gives an agent only types that it named.
    if (!type) return refusal('UNSUPPORTED_TYPE', `this agent does not know ${command.type}`);
    const prepared = prepare(type, command);
    if ('why' in prepared) return refusal('INVALID_PAYLOAD', prepared.why);
    return this.#execute(type, command, prepared, abort);
  }

  async #execute(
    type: CommandType,
    command: StartedCommand,
    { payload, timeoutMs }: Prepared,
    abort: LazyAbortSignal,
  ): Promise<Outcome> {
    const { onProgress, logger } = this.#options;
    let isOver = false;
    const stuck = new UnresponsiveHandlerTimer(this.#options, command, timeoutMs);
    const endDeadline = this.#deadlines.after(timeoutMs, () =>
      abort.abort(new ExecutionTimeout(`not done after ${timeoutMs} ms`)),
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
      return completion(type, result);
    } catch (error) {
      return failureBy(error, abort.reason);
    } finally {
      isOver = true;
      endDeadline();
      stuck.end();
    }
  }
}

interface Prepared {
  readonly payload: unknown;
  readonly timeoutMs: number;
}

/** Parses the payload and finds the timeout. The author's code may throw: that fails the command, not its agent. */
function prepare(type: CommandType, command: StartedCommand): Prepared | { readonly why: string } {
  try {
    const payload = type.payload.safeParse(parseJson(command.payload));
    if (payload.success) return { payload: payload.data, timeoutMs: timeoutFor(type, command, payload.data) };
    const faults = payload.error.issues.map(
      (issue) => `${['payload', ...issue.path].join('.')}: ${issue.message}`,
    );
    return { why: faults.join('; ') };
  } catch (error) {
    return { why: `the definition of ${type.type} failed at this payload: ${messageOf(error)}` };
  }
}

/** Returns undefined, for the schema to refuse, for what is not JSON: it was not written by a server. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** From 1 ms to 30 days: a timer takes what is no number for 1 ms. */
function timeoutFor({ timeoutMs }: CommandType, command: StartedCommand, payload: unknown): number {
  const asked =
    command.timeoutMs ??
    (typeof timeoutMs === 'function' ? timeoutMs(payload) : timeoutOf(timeoutMs, payload));
  const ms: unknown = asked ?? defaults.timeoutMs;
  if (typeof ms !== 'number' || !(ms >= 1))
    throw new Error(`its timeoutMs gave ${String(ms)}, and not a number of ms`);
  return Math.ceil(Math.min(ms, limits.timeoutMs));
}

/** Returns why the signal was aborted: a handler that failed after that failed because of it, whatever it threw. */
function endingBy(reason: unknown): readonly ['AGENT_LOST' | 'CANCELLED' | 'TIMEOUT', string] | undefined {
  if (reason instanceof ExecutionTimeout) return ['TIMEOUT', reason.message];
  // The lost-agent policy then decides whether the command is retried.
  if (reason instanceof AttemptLost || reason instanceof AgentStopped) return ['AGENT_LOST', reason.message];
  if (reason instanceof CommandCancelled) return ['CANCELLED', reason.message];
  return undefined;
}

function failureBy(thrown: unknown, reason: unknown): Outcome {
  const [code, message] = endingBy(reason) ?? ['EXECUTION_FAILED', undefined];
  return failure(code, thrown, message);
}

/** Watches a handler whose signal was aborted: one that never settles must not hold up its agent for ever. */
class UnresponsiveHandlerTimer {
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
    const [code, why] = endingBy(reason) ?? ['TIMEOUT', `not done after ${this.#timeoutMs} ms`];
    this.#timer = setTimeout(() => {
      const message = `${why}, and ignored its abort signal for ${graceMs} ms more`;
      onStuck(this.#command, failure(code, undefined, message));
    }, graceMs);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
