import { type Logger } from '../../shared/runtime/logger.js';
import { Loop, type Service } from '../../shared/runtime/service.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { type TransitionFeed } from '../events/transition-feed.js';
import { type RegisteredPoll } from './registered-poll.js';
import { startable, type Startable, undelivered } from './startable.js';
import { type Wake, LongPoll, type LongPollOptions } from './long-poll.js';

export interface LongPollRegistryOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly feed: TransitionFeed;
  readonly logger: Logger;
  /** How long a hint may be late: each queue that is waited for is looked at this often. */
  readonly lookMs?: number;
}

/** The most commands that one look wakes polls for, and the most that are read in one call. */
const mostAtOnce = 100;
/** A command that so many polls could not start is left to the next look: they may all be full. */
const mostTries = 16;

/**
 * Holds the polls that wait for a command, and wakes one of them when a command comes: one poll per command,
 * in the order in which they came. A command that a woken poll does not take is passed on to the next.
 *
 * The feed's hints make it fast, and a look finds what they missed: once a second each queue is looked at
 * once, however many polls wait for it. While Redis is unavailable no poll is woken, and the polls end when
 * their time is up.
 */
export class LongPollRegistry implements Service {
  readonly #options: LongPollRegistryOptions;
  readonly #byQueue = new Map<string, Set<LongPoll>>();
  readonly #all = new Set<LongPoll>();
  readonly #looks: Loop;
  #heard = new Set<string>();
  /** The number of hints received so far: commands that became PENDING, and gaps in the feed. */
  #hints = 0;
  /** Whether this event-loop tick brought more hints than there are polls: only a look finds those that matter. */
  #isTooMuch = false;
  /** Queues to look at once the look that is under way has ended. */
  readonly #toLookAt = new Set<string>();
  #isLooking = false;
  #unlisten: (() => void) | undefined;
  #ending = false;

  constructor(options: LongPollRegistryOptions) {
    this.#options = options;
    const { lookMs = 1000, logger } = options;
    this.#looks = new Loop({ name: 'looking', intervalMs: lookMs, logger, tick: () => this.#look() });
  }

  async start(): Promise<void> {
    this.#unlisten ??= this.#options.feed.listenToAll({
      onTransition: ({ id, status }) => {
        if (status === 'PENDING') this.#hear(id);
      },
      onGap: () => {
        this.#hints++;
        void this.#look();
      },
    });
    await this.#looks.start();
  }

  async stop(): Promise<void> {
    this.end();
    this.#unlisten?.();
    this.#unlisten = undefined;
    await this.#looks.stop();
  }

  /** Ends every wait, and lets none begin: the server stops. */
  end(): void {
    this.#ending = true;
    for (const poll of this.#all) poll.end();
  }

  /** Ends the waits of one session, which takes nothing more. */
  endSession(agentId: string, session?: string): void {
    for (const poll of this.#all) {
      if (poll.agentId === agentId && (session === undefined || poll.session === session)) poll.end();
    }
  }

  /** How many polls wait, or are about to. */
  get size(): number {
    return this.#all.size;
  }

  /** Returns the polls whose agents hold a name. */
  registered(): RegisteredPoll[] {
    return [...this.#all].flatMap((poll) => (poll.registered ? { poll, registered: poll.registered } : []));
  }

  /**
   * Adds a poll, which may be woken from now on; it must `leave`. An older one of the same session ends:
   * its client no longer waits for the answer, and it must not be given a command.
   */
  join(options: LongPollOptions): LongPoll {
    if (options.session !== '') this.endSession(options.agentId, options.session);
    const poll = new LongPoll(options, {
      onReady: () => {
        this.#index(poll);
        // A command may have come right after the poll's own look, when no poll could be woken for it.
        if (this.#hints !== poll.hintsWhenWoken) void this.#lookAt(poll.queues);
      },
      onLeave: () => {
        this.#all.delete(poll);
        this.#unindex(poll);
      },
    });
    this.#all.add(poll);
    this.#index(poll);
    if (this.#ending) poll.end();
    return poll;
  }

  /** Wakes the next poll for a command that a woken poll did not take. */
  async passOn({ id, tried }: Wake): Promise<void> {
    if (tried.size >= mostTries || this.#byQueue.size === 0) return;
    await this.#quietly(async () => {
      const [command] = await this.#options.link.call((redis) => startable(redis, this.#options.keys, [id]));
      if (command) this.#wake(command, tried);
    });
  }

  /** Places the poll behind all that wait already: one that was woken has had its turn. */
  #index(poll: LongPoll): void {
    for (const queue of poll.queues) {
      const ofQueue = this.#byQueue.get(queue) ?? new Set();
      this.#byQueue.set(queue, ofQueue.add(poll));
    }
  }

  #unindex(poll: LongPoll): void {
    for (const queue of poll.queues) {
      const ofQueue = this.#byQueue.get(queue);
      ofQueue?.delete(poll);
      if (ofQueue?.size === 0) this.#byQueue.delete(queue);
    }
  }

  /** Collects the hints of one event-loop tick, so that their commands are read together. */
  #hear(id: string): void {
    this.#hints++;
    if (this.#byQueue.size === 0) return;
    // The polls could take no more than this; but some may be for queues that none of them serves, so a look follows.
    if (this.#heard.size >= this.#all.size) {
      this.#isTooMuch = true;
      return;
    }
    if (this.#heard.size === 0) setImmediate(() => void this.#tellHeard());
    this.#heard.add(id);
  }

  async #tellHeard(): Promise<void> {
    const ids = [...this.#heard];
    const isTooMuch = this.#isTooMuch;
    this.#heard = new Set();
    this.#isTooMuch = false;
    const { link, keys } = this.#options;
    for (let at = 0; at < ids.length; at += mostAtOnce) {
      await this.#quietly(async () => {
        const some = ids.slice(at, at + mostAtOnce);
        for (const command of await link.call((redis) => startable(redis, keys, some))) this.#wake(command);
      });
    }
    if (isTooMuch) await this.#look();
  }

  /** Looks at these queues; requests that come during a look share the next one, so that it is one at a time. */
  async #lookAt(queues: readonly string[]): Promise<void> {
    for (const queue of queues) this.#toLookAt.add(queue);
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#toLookAt.size > 0) {
      const now = [...this.#toLookAt];
      this.#toLookAt.clear();
      await this.#look(now);
    }
    this.#isLooking = false;
  }

  /** @param of the queues to look at; those that no poll waits for are left out */
  async #look(of: Iterable<string> = this.#byQueue.keys()): Promise<void> {
    const queues = [...of].flatMap((queue) => {
      const polls = this.#byQueue.get(queue);
      return polls ? [{ queue, most: Math.min(polls.size, mostAtOnce) }] : [];
    });
    if (queues.length === 0) return;
    await this.#quietly(async () => {
      const { link, keys } = this.#options;
      for (const command of await link.call((redis) => undelivered(redis, keys, queues))) this.#wake(command);
    });
  }

  /** Wakes a poll that knows the type, else any: `start` then moves the command to the lane of its type. */
  #wake({ id, queue, type, inLane }: Startable, tried: Set<LongPoll> = new Set()): void {
    let chosen: LongPoll | undefined;
    for (const poll of this.#byQueue.get(queue) ?? []) {
      if (tried.has(poll)) continue;
      if (!inLane) chosen ??= poll;
      if (!poll.knows(type)) continue;
      chosen = poll;
      break;
    }
    if (!chosen) return;
    this.#unindex(chosen);
    chosen.hintsWhenWoken = this.#hints;
    tried.add(chosen);
    chosen.wake({ id, tried });
  }

  /** Only logs failures: the next look makes up for hints that were lost while Redis was unavailable. */
  async #quietly(work: () => Promise<void>): Promise<void> {
    await work().catch((error: unknown) => {
      this.#options.logger.debug({ err: error }, 'could not look for commands');
    });
  }
}
