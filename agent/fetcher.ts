import { type StartedCommand } from '../shared/lifecycle/transitions.js';
import { backoffMs } from '../shared/runtime/backoff.js';
import { type Moment } from '../shared/runtime/clock.js';
import { type Logger } from '../shared/runtime/logger.js';
import { isAborted, pause, type Service } from '../shared/runtime/service.js';
import { type Demand, type Transport } from './transport/transport.js';

export interface FetcherOptions {
  readonly transport: Transport;
  readonly demand: () => Demand;
  /** Resolves as soon as there is a free slot, or `signal` is aborted. */
  readonly freeSlot: (signal: AbortSignal) => Promise<void>;
  /** @param askedAt when the answered call was sent: the lease is at least as young */
  readonly onStarted: (command: StartedCommand, askedAt: Moment) => void;
  /** A newer session of this agent exists: this process must end. */
  readonly onOldSession: () => void;
  /** Between two tries while Fencepost is away; a second when left out. */
  readonly longestPauseMs?: number | undefined;
  readonly logger: Logger;
}

/**
 * Waits for a free slot, then for commands, then hands them over; again and again.
 *
 * When Fencepost is away it retries, at most `longestPauseMs` apart. When the process dies, what it had
 * fetched is in the agent's pending list in Redis.
 */
export class Fetcher implements Service {
  readonly #options: FetcherOptions;
  #run: { readonly abort: AbortController; readonly ended: Promise<void> } | undefined;

  constructor(options: FetcherOptions) {
    this.#options = options;
  }

  start(): Promise<void> {
    if (!this.#run) {
      const abort = new AbortController();
      this.#run = { abort, ended: this.#loop(abort.signal) };
    }
    return Promise.resolve();
  }

  /** Whether it was started, and not stopped since. */
  get isFetching(): boolean {
    return this.#run !== undefined && !this.#run.abort.signal.aborted;
  }

  async stop(): Promise<void> {
    this.#run?.abort.abort();
    await this.#run?.ended;
  }

  async #loop(signal: AbortSignal): Promise<void> {
    const {
      transport,
      demand,
      freeSlot,
      onStarted,
      onOldSession,
      longestPauseMs = 1000,
      logger,
    } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      await freeSlot(signal);
      if (isAborted(signal)) return;
      try {
        const reply = await transport.next(demand, signal);
        if (reply.word === 'old-session') return onOldSession();
        // Also when the stop came meanwhile: what was started is this agent's to execute.
        for (const command of reply.started) onStarted(command, reply.askedAt);
        if (failures > 0) logger.info('fetching again');
        failures = 0;
      } catch (error) {
        failures++;
        if (failures === 1) logger.warn({ err: error }, 'fetching failed; retrying');
        await pause(backoffMs(failures, { firstMs: 50, maxMs: longestPauseMs }), signal);
      }
    }
  }
}
