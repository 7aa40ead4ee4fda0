import { type Logger } from './logger.js';

/** A long-lived part of a program. The header of each implementation documents what happens when it dies. */
export interface Service {
  /** Resolves when it does its work. Starting what runs already changes nothing. */
  start(): Promise<void>;
  /** Aborts what is in flight and resolves when nothing of it is left. Stopping twice is safe. */
  stop(): Promise<void>;
}

export interface LoopOptions {
  /** For its log lines. */
  readonly name: string;
  /** The pause between the end of one tick and the start of the next, before jitter. */
  readonly intervalMs: number;
  /** How far a pause may differ from `intervalMs`, as a share of it; 0.1 when left out. */
  readonly jitter?: number;
  /** Tick at once at the start, instead of after the first pause. */
  readonly immediately?: boolean;
  readonly logger: Logger;
  /**
   * Aborted by `stop()`: a tick should then end soon, in any way. Resolves with the longest that the
   * next pause may be, if it knows: it is never longer than the usual one.
   */
  readonly tick: (signal: AbortSignal) => Promise<number | void>;
}

/**
 * Calls `tick` again and again. Ticks never overlap, pauses have jitter so that processes started
 * together spread out, and a tick that fails is logged and tried again at the next turn: a loop only
 * ends by `stop()`.
 */
export class Loop implements Service {
  readonly #options: LoopOptions;
  #run: { readonly abort: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    if (!this.#run) {
      const abort = new AbortController();
      this.#run = { abort, ended: this.#turn(abort.signal) };
    }
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    const run = this.#run;
    run?.abort.abort();
    await run?.ended;
    if (this.#run === run) this.#run = undefined;
  }

  async #turn(signal: AbortSignal): Promise<void> {
    // A function, or TypeScript takes the first look at the signal for the last.
    const stopped = (): boolean => signal.aborted;
    if (!this.#options.immediately) await pause(this.#pauseMs(), signal);
    while (!stopped()) {
      let longestMs: number | void = undefined;
      try {
        longestMs = await this.#options.tick(signal);
      } catch (error) {
        if (!stopped())
          this.#options.logger.error({ err: error }, `${this.#options.name} failed; it goes on`);
      }
      await pause(Math.min(this.#pauseMs(), longestMs ?? Infinity), signal);
    }
  }

  #pauseMs(): number {
    const { intervalMs, jitter = 0.1 } = this.#options;
    return intervalMs * (1 - jitter + 2 * jitter * Math.random());
  }
}

/** Resolves after `ms`, or as soon as `signal` is aborted. Never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}

/** `signal.aborted`, asked anew: the compiler takes what it was before an `await` for what it is after it. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
