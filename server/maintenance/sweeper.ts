import { type Redis } from 'ioredis';
import { type Logger } from '../../shared/runtime/logger.js';
import { Loop, type Service } from '../../shared/runtime/service.js';
import { RedisFull, RedisUnavailable } from '../redis/redis-fault.js';
import { type RedisCalls } from '../redis/redis-link.js';

export interface SweeperOptions {
  readonly name: string;
  readonly intervalMs: number;
  readonly link: RedisCalls;
  /** Processes one batch of due items. Safe to call twice, and from several servers at once. */
  readonly sweep: (redis: Redis) => Promise<Swept>;
  readonly logger: Logger;
}

export interface Swept {
  readonly count: number;
  readonly more: boolean;
  /** How long until the next item is due, if that is known: the sweeper then sleeps no longer than that. */
  readonly nextInMs?: number | undefined;
}

/** Shortest sleep, so that what is due every millisecond is swept together. */
const leastMs = 5;

/**
 * Calls a sweep again and again, without a pause while more is due.
 *
 * A sweeper survives every outage of Redis: the link has logged it, once, and the next tick retries. When
 * its process dies, another server does its work, or it is done at the next start.
 */
export class Sweeper implements Service {
  readonly #options: SweeperOptions;
  readonly #loop: Loop;

  constructor(options: SweeperOptions) {
    this.#options = options;
    const { name, intervalMs, logger } = options;
    this.#loop = new Loop({
      name,
      intervalMs,
      logger,
      jitter: 0.2,
      immediately: true,
      tick: (signal) => this.#tick(signal),
    });
  }

  start(): Promise<void> {
    return this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** @returns the longest pause before the next one */
  async #tick(signal: AbortSignal): Promise<number> {
    const { name, link, sweep, logger } = this.#options;
    try {
      while (!signal.aborted) {
        const { count, more, nextInMs = Infinity } = await link.call(sweep);
        if (count > 0) logger.debug({ count }, name);
        if (!more) return Math.max(leastMs, nextInMs);
      }
    } catch (error) {
      if (!(error instanceof RedisUnavailable || error instanceof RedisFull)) throw error;
    }
    return Infinity;
  }
}
