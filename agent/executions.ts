import { type StartedCommand } from '../shared/lifecycle/transitions.js';
import { LazyAbortSignal } from './lazy-abort-signal.js';
import { attemptKey } from './slots.js';

/** The executions under way in this process, each with its handler's signal. */
export class Executions {
  readonly #running = new Map<string, { readonly abort: LazyAbortSignal; readonly ended: Promise<void> }>();

  add(command: StartedCommand, execute: (abort: LazyAbortSignal) => Promise<void>): void {
    const key = attemptKey(command);
    const abort = new LazyAbortSignal();
    const ended: Promise<void> = execute(abort).finally(() => {
      // Another delivery of the attempt may have begun meanwhile: its entry stays.
      if (this.#running.get(key)?.abort === abort) this.#running.delete(key);
    });
    this.#running.set(key, { abort, ended });
  }

  /**
   * @param reason of the handler's signal; the first one stays
   * @returns whether that attempt was under way
   */
  abort(attempt: Pick<StartedCommand, 'id' | 'attempt'>, reason: Error): boolean {
    const running = this.#running.get(attemptKey(attempt));
    running?.abort.abort(reason);
    return running !== undefined;
  }

  abortAll(reason: Error): void {
    for (const { abort } of this.#running.values()) abort.abort(reason);
  }

  /** Resolves when none is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }
}
