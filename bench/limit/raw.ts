import { type Redis } from 'ioredis';
import { type TestRedis } from '../../testing/redis-server.js';
import { checkFound, type Contestant } from '../contestant.js';
import { WorkerProcess } from '../worker-process.js';
import { rawGroup, rawKeys, submitRaw } from './raw-commands.js';

/** The cycle's commands from Node, in pipelines: what one gets without scripts, checks and journal. */
export class Raw implements Contestant {
  readonly name = 'raw commands';
  readonly #socket: string;
  readonly #redis: Redis;
  #worker: WorkerProcess | undefined;
  #submitted = 0;

  constructor(redis: TestRedis) {
    this.#socket = redis.socket;
    this.#redis = redis.client();
  }

  async start(): Promise<void> {
    this.#worker = await WorkerProcess.start(['dist/bench/limit/raw-worker.js', this.#socket]);
  }

  async submit(count: number): Promise<void> {
    this.#submitted += count;
    await submitRaw(this.#redis, count);
  }

  async completed(): Promise<number> {
    return Number((await this.#redis.hget(rawKeys.counts, 'COMPLETED')) ?? 0);
  }

  freeze(): void {
    this.#worker?.freeze();
  }

  thaw(): void {
    this.#worker?.thaw();
  }

  died(): Promise<never> {
    return this.#worker?.died() ?? new Promise(() => undefined);
  }

  async checkRest(waiting = 0): Promise<void> {
    const [length, [pending], completed] = await Promise.all([
      this.#redis.xlen(rawKeys.stream),
      this.#redis.xpending(rawKeys.stream, rawGroup),
      this.completed(),
    ]);
    const wanted = { length: waiting, pending: 0, completed: this.#submitted - waiting };
    checkFound(this.name, { length, pending, completed }, wanted);
  }

  async stop(): Promise<void> {
    await this.#worker?.stop();
    this.#redis.disconnect();
  }
}
