import { type Redis } from 'ioredis';
import { partitionKeys } from '../shared/store/keys.js';
import { EventLog } from './event-log.js';
import { TestRedis } from './redis-server.js';
import { type RedisState, seed, snapshot } from './redis-state.js';

/** Where one script is tested: seed a state, call, look at the whole state and at what was published. */
export class ScriptBench {
  readonly server: TestRedis;
  readonly redis: Redis;
  readonly keys = partitionKeys();
  readonly #events: EventLog;
  #since = 0;

  private constructor(server: TestRedis, redis: Redis, events: EventLog) {
    this.server = server;
    this.redis = redis;
    this.#events = events;
  }

  static async start(): Promise<ScriptBench> {
    const server = await TestRedis.start();
    return new ScriptBench(server, server.client(), await EventLog.open(server));
  }

  stop(): Promise<void> {
    return this.server.stop();
  }

  /** Empties Redis and fills it. @returns Redis time in ms: the seed's `now` */
  async seed(state: RedisState): Promise<number> {
    await this.#events.take();
    this.#since = await seed(this.redis, state);
    return this.#since;
  }

  /** Everything that is in Redis. @param until when the last change was made, where a reply contained it */
  state(until?: number): Promise<RedisState> {
    return snapshot(this.redis, this.#since, until);
  }

  /** The lines of each message since the last call, or the seed. */
  events(): Promise<string[][]> {
    return this.#events.take();
  }

  /** Runs `call` in a Redis that has no memory left and has lost its scripts, as after a restart. */
  async whenFull<T>(call: () => Promise<T>): Promise<T> {
    await this.redis.script('FLUSH');
    await this.redis.config('SET', 'maxmemory', '1');
    try {
      return await call();
    } finally {
      await this.redis.config('SET', 'maxmemory', '0');
    }
  }
}
