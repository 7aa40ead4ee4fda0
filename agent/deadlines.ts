import { setLongTimer } from '../shared/runtime/long-timer.js';

/** The longest time in ms until an execution that is still at work gets a timer of its own. */
const tickMs = 5;

interface Deadline {
  readonly atMs: number;
  readonly onPassed: () => void;
  cancelTimer?: () => void;
}

/**
 * Holds the deadlines of executions. Most executions are done in a moment: so one timer for all looks a moment later which
 * of them are still at work, and gives these a timer of their own.
 */
export class Deadlines {
  #young = new Set<Deadline>();
  #isTicking = false;

  /**
   * Calls `onPassed` when so much time has passed, as precisely as a timer does.
   *
   * @param ms any number of them, also more than one timer can take
   * @returns ends it: it is not called from then on
   */
  after(ms: number, onPassed: () => void): () => void {
    if (ms <= 2 * tickMs) return setLongTimer(ms, onPassed);
    const deadline: Deadline = { atMs: performance.now() + ms, onPassed };
    this.#young.add(deadline);
    if (!this.#isTicking) setTimeout(() => this.#tick(), tickMs);
    this.#isTicking = true;
    return () => {
      if (deadline.cancelTimer) deadline.cancelTimer();
      else this.#young.delete(deadline);
    };
  }

  #tick(): void {
    this.#isTicking = false;
    const young = this.#young;
    this.#young = new Set();
    for (const one of young) {
      one.cancelTimer = setLongTimer(Math.max(1, Math.ceil(one.atMs - performance.now())), one.onPassed);
    }
  }
}
