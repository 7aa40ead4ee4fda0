import { type Redis } from 'ioredis';
import { type Logger } from '../../shared/runtime/logger.js';
import { Loop, type Service } from '../../shared/runtime/service.js';
import { RedisFull, RedisUnavailable } from '../redis/redis-fault.js';
import { type RedisCalls } from '../redis/redis-link.js';

export interface SweeperOptions {
  readonly name: string;
  readonly intervalMs: number;
  readonly link: RedisCalls;
  /** Does some of what is due. Safe to call twice, and from several servers at once. */
  readonly sweep: (redis: Redis) => Promise<{ readonly count: number; readonly more: boolean }>;
  readonly logger: Logger;
}

/**
 * Calls a sweep again and again, without a pause while more is due.
 *
 * It survives every outage of Redis: the link has logged it, once, and the next tick tries again. When
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

  async #tick(signal: AbortSignal): Promise<void> {
    const { name, link, sweep, logger } = this.#options;
    try {
      for (let more = true; more && !signal.aborted;) {
        const swept = await link.call(sweep);
        if (swept.count > 0) logger.debug({ count: swept.count }, name);
        more = swept.more;
      }
    } catch (error) {
      if (!(error instanceof RedisUnavailable || error instanceof RedisFull)) throw error;
    }
  }
}
