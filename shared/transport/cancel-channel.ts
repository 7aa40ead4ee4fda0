import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type HeldAttempt } from '../lifecycle/holding.js';
import { type Logger } from '../runtime/logger.js';
import { connectSubscriber } from '../store/connection.js';
import { partitionKeys } from '../store/keys.js';

/** What `cancel` publishes: `<id> <attempt>`. */
const hintSchema = z
  .tuple([z.string(), z.coerce.number().int()])
  .transform(([id, attempt]): HeldAttempt => ({ id, attempt }));

/**
 * The channel on which an agent hears that somebody wants to stop what it executes. It costs a connection
 * and, as long as nobody cancels anything, nothing else.
 *
 * When its connection breaks it comes back by itself, and tells of a gap; until then renewals tell of
 * cancels, later.
 */
export class CancelChannel {
  readonly #url: string;
  readonly #agentId: string;
  readonly #logger: Logger;
  #redis: Redis | undefined;

  constructor(url: string, agentId: string, logger: Logger) {
    this.#url = url;
    this.#agentId = agentId;
    this.#logger = logger;
  }

  /** Connects; once. */
  listen(onHint: (hint: HeldAttempt | 'gap') => void): void {
    if (this.#redis) return;
    const redis = connectSubscriber(this.#url, { onReady: () => void this.#subscribe(redis, onHint) });
    redis.on('message', (_channel: string, message: string) => {
      const hint = hintSchema.safeParse(message.split(' '));
      if (hint.success) onHint(hint.data);
    });
    this.#redis = redis;
  }

  close(): void {
    this.#redis?.disconnect();
  }

  async #subscribe(redis: Redis, onHint: (hint: 'gap') => void): Promise<void> {
    try {
      await redis.subscribe(partitionKeys(undefined, redis.options.db).cancels(this.#agentId));
      onHint('gap');
    } catch (error) {
      if (error instanceof Error && error.name === 'ReplyError') {
        const what = `Redis refuses the subscription to cancels (${error.message}): this agent hears of one with its next renewal only`;
        return this.#logger.warn(`${what}; allow it: ACL SETUSER <user> +subscribe &fencepost:*`);
      }
      // The connection broke again: the next `ready` subscribes anew.
      this.#logger.debug({ err: error }, 'subscribing to cancels failed');
    }
  }
}
