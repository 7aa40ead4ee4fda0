import { type Redis } from 'ioredis';
import { type Logger } from '../../shared/runtime/logger.js';
import { connectSubscriber } from '../../shared/store/connection.js';
import { type PartitionKeys, partitionKeys } from '../../shared/store/keys.js';

export interface HintChannelOptions {
  readonly url: string;
  /** The names of channels hold the number of the database, which is known once there is a connection. */
  readonly channelOf: (keys: PartitionKeys) => string;
  /** For the log: what an agent that may not subscribe goes without. */
  readonly without: string;
  readonly logger: Logger;
}

export interface HintListener {
  readonly onMessage: (message: string) => void;
  /** Messages may have been missed: it has only now begun, or begun again, to listen. */
  readonly onGap: () => void;
}

/**
 * A channel of Redis on which an agent gets hints. It costs a connection and, as long as nothing is published,
 * nothing else. When its connection breaks it comes back by itself, and reports a gap: the agent also finds
 * out without a hint, later.
 */
export class HintChannel {
  readonly #options: HintChannelOptions;
  #redis: Redis | undefined;

  constructor(options: HintChannelOptions) {
    this.#options = options;
  }

  /** Connects; once. */
  listen({ onMessage, onGap }: HintListener): void {
    if (this.#redis) return;
    const redis = connectSubscriber(this.#options.url, { onReady: () => void this.#subscribe(redis, onGap) });
    redis.on('message', (_channel: string, message: string) => onMessage(message));
    this.#redis = redis;
  }

  close(): void {
    this.#redis?.disconnect();
  }

  async #subscribe(redis: Redis, onGap: () => void): Promise<void> {
    const { channelOf, without, logger } = this.#options;
    const channel = channelOf(partitionKeys(undefined, redis.options.db));
    try {
      await redis.subscribe(channel);
      onGap();
    } catch (error) {
      if (error instanceof Error && error.name === 'ReplyError') {
        const what = `Redis refuses the subscription to ${channel} (${error.message}): ${without}`;
        return logger.warn(`${what}; allow it: ACL SETUSER <user> +subscribe &fencepost:*`);
      }
      // The connection broke again: the next `ready` subscribes anew.
      logger.debug({ err: error, channel }, 'subscribing failed');
    }
  }
}
