import { type Redis } from 'ioredis';
import { type Logger } from '../../shared/runtime/logger.js';
import { pause, type Service } from '../../shared/runtime/service.js';
import { connectCommands } from '../../shared/store/connection.js';
import { unusable } from '../../shared/store/unusable-redis.js';
import { asFault, isAnswer, isRefusal, isTimeout, RedisFull, RedisUnavailable } from './redis-fault.js';

export interface RedisLinkOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Runs when Redis answers for the first time, before any call may pass. */
  readonly check: (redis: Redis) => Promise<void>;
}

/** The part of a link that its callers need. */
export type RedisCalls = Pick<RedisLink, 'call'>;

/** A client waits 2 s at most, and the answer must be on its way by then. */
const deadlineMs = 1800;
/** A restart or failover that is over within this time is only waited for. */
const blipMs = 250;
/** Requests that wait for Redis at once: what waits in memory while it is silent has a bound. */
const mostRequests = 10_000;
/** The least time between two log lines about refusals by Redis. */
const refusalLogMs = 60_000;

/**
 * The one connection from routes and maintenance to Redis.
 *
 * A call takes 1.8 s at most. While Redis is away, or connected and silent (frozen, or the network is
 * cut), calls are refused at once instead of each waiting for its own timeout; a probe notices when it
 * answers again. An outage is two log lines, however many calls it hits.
 */
export class RedisLink implements Service {
  readonly #options: RedisLinkOptions;
  readonly #redis: Redis;
  readonly #closing = new AbortController();
  #state: 'starting' | 'open' | 'closed' = 'starting';
  /** When the connection was lost, by `performance.now()`; undefined while it is there. */
  #awaySince: number | undefined = performance.now();
  /** Whether a call had no answer in time although it is connected. */
  #silent = false;
  /** Why Redis is not there, as far as Redis or the system reported it: part of every refusal meanwhile. */
  #reason: string | undefined;
  /** Grows with each connection that breaks: what waited is sent again over the next one. */
  #breaks = 0;
  #requests = 0;
  #outageLogged = false;
  #refusalLoggedAt = -Infinity;

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.#redis = connectCommands(options.url, {
      onReady: () => this.#isBack(),
      onError: (error) => this.#isAway(error),
    });
    this.#redis.on('close', () => {
      this.#awaySince ??= performance.now();
      this.#breaks++;
    });
  }

  /**
   * Waits for Redis as long as it takes, then checks it.
   *
   * @throws what `check` throws, unless Redis is away again; UnusableRedisError when waiting does not help
   */
  async start(): Promise<void> {
    while (this.#isStarting()) {
      try {
        await this.#within(this.#options.check(this.#redis));
        if (!this.#isStarting()) return;
        this.#state = 'open';
        this.#isBack();
      } catch (error) {
        const hopeless = unusable(error);
        if (hopeless) throw hopeless;
        const fault = asFault(error);
        if (!(fault instanceof RedisUnavailable || fault instanceof RedisFull)) throw fault;
        this.#isAway(fault);
        await pause(blipMs, this.#closing.signal);
      }
    }
  }

  #isStarting(): boolean {
    return this.#state === 'starting';
  }

  stop(): Promise<void> {
    this.#state = 'closed';
    this.#closing.abort();
    this.#redis.disconnect();
    return Promise.resolve();
  }

  /**
   * Lets `work` use Redis. All that it does counts as one call.
   *
   * @param requests how many requests wait for it
   * @throws RedisUnavailable, RedisFull, or what `work` throws otherwise
   */
  async call<T>(work: (redis: Redis) => Promise<T>, requests = 1): Promise<T> {
    this.#refuseIfHopeless();
    this.#requests += requests;
    const breaks = this.#breaks;
    try {
      return await this.#within(work(this.#redis));
    } catch (error) {
      if (isRefusal(error)) this.#isRefusing(error);
      throw asFault(error, breaks === this.#breaks);
    } finally {
      this.#requests -= requests;
    }
  }

  #refuseIfHopeless(): void {
    const why = this.#whyHopeless();
    if (why !== undefined) throw new RedisUnavailable(why);
  }

  #whyHopeless(): string | undefined {
    const because = this.#reason === undefined ? '' : `: ${this.#reason}`;
    if (this.#state === 'closed') return 'this server is stopping';
    if (this.#state === 'starting') return `Redis has not been reached yet${because}`;
    if (this.#awaySince !== undefined && performance.now() - this.#awaySince > blipMs) {
      return `there is no connection to Redis${because}`;
    }
    if (this.#silent) return 'Redis does not answer';
    if (this.#requests >= mostRequests) return 'too many calls wait for Redis';
    return undefined;
  }

  /** The timeout of the connection is per command; this one is for a call with several. */
  async #within<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new RedisUnavailable('Redis did not answer in time')), deadlineMs);
    });
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      if (isTimeout(error)) void this.#probe();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Pings until Redis answers, one ping at a time, so that a frozen Redis finds few of them when it wakes. */
  async #probe(): Promise<void> {
    if (this.#silent || this.#state === 'closed') return;
    this.#silent = true;
    this.#isAway(new Error('it is connected, but does not answer'));
    while (!this.#closing.signal.aborted) {
      try {
        await this.#redis.ping();
        return this.#isBack();
      } catch (error) {
        // A PING that is refused (MISCONF, or by an ACL) is answered as well.
        if (isAnswer(error)) return this.#isBack();
        await pause(50, this.#closing.signal);
      }
    }
  }

  #isBack(): void {
    this.#awaySince = undefined;
    this.#silent = false;
    // Connected, but not checked yet.
    if (this.#isStarting()) return;
    this.#reason = undefined;
    if (this.#outageLogged) this.#options.logger.info('Redis is back');
    this.#outageLogged = false;
  }

  #isAway(error: Error): void {
    this.#reason = error.message;
    if (this.#outageLogged || this.#state === 'closed') return;
    this.#outageLogged = true;
    this.#options.logger.warn({ redisUrl: this.#options.url }, `waiting for Redis: ${error.message}`);
  }

  /** Logs that Redis answers with refusals: it became a replica, or its disk is full. No event marks the end. */
  #isRefusing(error: Error): void {
    const now = performance.now();
    if (now - this.#refusalLoggedAt < refusalLogMs) return;
    this.#refusalLoggedAt = now;
    this.#options.logger.warn({ redisUrl: this.#options.url }, `Redis refuses: ${error.message}`);
  }
}
