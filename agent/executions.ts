import { type StartedCommand } from '../shared/lifecycle/transitions.js';
import { HandlerSignal } from './handler-signal.js';
import { AttemptLost } from './runner.js';
import { attemptKey } from './slots.js';

/** The executions under way in this process, each with its handler's signal. */
export class Executions {
  readonly #running = new Map<string, { readonly abort: HandlerSignal; readonly ended: Promise<void> }>();

  add(command: StartedCommand, execute: (abort: HandlerSignal) => Promise<void>): void {
    const key = attemptKey(command);
    const abort = new HandlerSignal();
    const ended = execute(abort).finally(() => this.#running.delete(key));
    this.#running.set(key, { abort, ended });
  }

  /** @returns whether that attempt was under way */
  abort(attempt: Pick<StartedCommand, 'id' | 'attempt'>, why: string): boolean {
    const running = this.#running.get(attemptKey(attempt));
    running?.abort.abort(new AttemptLost(why));
    return running !== undefined;
  }

  abortAll(why: string): void {
    for (const { abort } of this.#running.values()) abort.abort(new Error(why));
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }
}
