import { type Redis } from 'ioredis';
import { longestSubmissionMs } from '../../shared/lifecycle/retention.js';
import { type NewCommand, submit, type SubmitReply } from '../../shared/lifecycle/transitions.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type CrashPoints, type ServerPoint } from '../../shared/runtime/faults.js';
import { readTime, type RedisClock } from '../redis/redis-clock.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { isWhole, submissionBatches } from './submission-batches.js';

export interface SubmitterOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly clock: RedisClock;
  /** Most PENDING commands there may be. */
  readonly maxBacklog: number;
  /** Most queues there may be; any number when left out. */
  readonly maxQueues?: number | undefined;
  readonly faults?: CrashPoints<ServerPoint>;
}

/** The commands of one request, and who waits for their replies. */
interface Waiting {
  readonly commands: readonly NewCommand[];
  readonly answered: (replies: SubmitReply[]) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Stores new commands. Requests that come in one event-loop tick share one call, which is where most of the time of
 * a small request goes. Requests of the next tick do not wait for its reply: a busy server's ticks are long enough
 * to fill their calls, and an idle one's latency stays what it is.
 *
 * The script stores a call whole or not at all, but requests have nothing to do with each other. When
 * a key is in the way of one, or there is no room for all or for another queue, each of them is sent again by itself.
 */
export class Submitter {
  readonly #options: SubmitterOptions;
  #waiting: Waiting[] = [];

  constructor(options: SubmitterOptions) {
    this.#options = options;
  }

  /** @returns a reply per command, in order. @throws RedisUnavailable, RedisFull */
  submit(commands: readonly NewCommand[]): Promise<SubmitReply[]> {
    return new Promise((answered, failed) => {
      // After the phase in which Node reads what the sockets have, and before it looks at them again.
      if (this.#waiting.length === 0) setImmediate(() => this.#sendWaiting());
      this.#waiting.push({ commands, answered, failed });
    });
  }

  #sendWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const requests of submissionBatches(waiting)) void this.#sendTogether(requests);
  }

  async #sendTogether(requests: readonly Waiting[]): Promise<void> {
    try {
      const commands = requests.flatMap((request) => request.commands);
      const replies = await this.#store(commands, requests.length);
      const isSpoilt = requests.length > 1 && replies.some(spoils);
      let at = 0;
      for (const request of requests) {
        const own = replies.slice(at, (at += request.commands.length));
        // Not only its own refusal: the command that is the `same` may be a neighbour's that was not stored.
        if (isSpoilt && !own.every(({ word }) => word === 'accepted')) void this.#sendTogether([request]);
        else request.answered(own);
      }
    } catch (error) {
      for (const { failed } of requests) failed(error);
    }
  }

  /** @param requests how many wait for it */
  #store(commands: readonly NewCommand[], requests: number): Promise<SubmitReply[]> {
    return this.#options.link.call(async (redis) => {
      const replies = await this.#send(redis, commands, requests);
      // The estimate was off (a clock that jumped, a suspended machine); by its reply it is right now.
      // With the same ids, so that whatever an earlier delivery of the first call did is found.
      return replies.some(({ word }) => word === 'expired') ? this.#send(redis, commands, requests) : replies;
    }, requests);
  }

  async #send(redis: Redis, commands: readonly NewCommand[], requests: number): Promise<SubmitReply[]> {
    const { keys, clock, maxBacklog, maxQueues, faults } = this.#options;
    faults?.at('before-submit');
    const now = clock.estimate() ?? (await readTime(redis));
    const notAfter = now + longestSubmissionMs;
    const answer = submit(redis, keys, commands, {
      notAfter,
      maxBacklog,
      maxQueues,
      isWhole: requests === 1 && isWhole({ commands }),
    });
    faults?.at('submit-sent');
    const reply = await answer;
    faults?.at('submit-answered');
    clock.observe(reply.now);
    return reply.replies;
  }
}

/** Whether a reply may be due to another request of its call. */
const spoils = ({ word }: SubmitReply) => word === 'broken' || word === 'full' || word === 'queues-full';
