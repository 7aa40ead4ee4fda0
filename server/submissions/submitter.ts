import { type Redis } from 'ioredis';
import { type NewCommand, submit, type SubmitReply } from '../../shared/lifecycle/transitions.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type CrashPoints, type ServerPoint } from '../../shared/runtime/faults.js';
import { readTime, type RedisClock } from '../redis/redis-clock.js';
import { type RedisCalls } from '../redis/redis-link.js';

export interface SubmitterOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly clock: RedisClock;
  /** Most PENDING commands there may be. */
  readonly maxBacklog: number;
  readonly faults?: CrashPoints<ServerPoint>;
}

/**
 * How long a submission may be under way. One that the network delivers after that might create
 * anew what was carried out, and pruned, long ago.
 */
const notAfterMs = 60_000;

/** Stores new commands. */
export class Submitter {
  readonly #options: SubmitterOptions;

  constructor(options: SubmitterOptions) {
    this.#options = options;
  }

  /** @returns a reply per command, in order. @throws RedisUnavailable, RedisFull */
  submit(commands: readonly NewCommand[]): Promise<SubmitReply[]> {
    return this.#options.link.call(async (redis) => {
      const replies = await this.#send(redis, commands);
      // The estimate was off (a clock that jumped, a suspended machine); by its reply it is right now.
      // With the same ids, so that whatever an earlier delivery of the first call did is found.
      return replies.some(({ word }) => word === 'expired') ? this.#send(redis, commands) : replies;
    });
  }

  async #send(redis: Redis, commands: readonly NewCommand[]): Promise<SubmitReply[]> {
    const { keys, clock, maxBacklog, faults } = this.#options;
    faults?.at('before-submit');
    const now = clock.estimate() ?? (await readTime(redis));
    const answer = submit(redis, keys, commands, { notAfter: now + notAfterMs, maxBacklog });
    faults?.at('submit-sent');
    const reply = await answer;
    faults?.at('submit-answered');
    clock.observe(reply.now);
    return reply.replies;
  }
}
