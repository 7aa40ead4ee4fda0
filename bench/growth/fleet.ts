import { type Redis } from 'ioredis';
import { type TestRedis } from '../../testing/redis-server.js';
import { type Contestant } from '../contestant.js';
import { Fencepost } from '../fencepost.js';
import { workLap } from '../laps.js';
import { type Cost, costDuring } from './cost.js';

/** Several agents, processes of their own, on one Redis. */
export class Fleet implements Contestant {
  readonly name: string;
  readonly #first: Fencepost;
  readonly #others: readonly Fencepost[];
  readonly #redis: Redis;

  constructor(redis: TestRedis, agents: number) {
    this.name = `Fencepost with ${agents} agents`;
    this.#first = new Fencepost(redis);
    this.#others = Array.from({ length: agents - 1 }, () => new Fencepost(redis));
    this.#redis = redis.client();
  }

  /** Measures the cost of one command from its start to its report, when `commands` wait for these agents. */
  async lap(commands: number, signal: AbortSignal): Promise<Cost> {
    let elapsedMs = 0;
    // Redis's part has the submission in it, which costs the same with any number of agents.
    const cost = await costDuring(this.#redis, commands, async () => {
      elapsedMs = await workLap(commands)(this, signal);
    });
    return { ...cost, elapsedUs: (1000 * elapsedMs) / commands };
  }

  async start(): Promise<void> {
    for (const one of this.#all()) await one.start();
  }

  /** Submits through the first; any agent that is free executes. */
  submit(count: number): Promise<void> {
    return this.#first.submit(count);
  }

  completed(): Promise<number> {
    return this.#first.completed();
  }

  freeze(): void {
    for (const one of this.#all()) one.freeze();
  }

  thaw(): void {
    for (const one of this.#all()) one.thaw();
  }

  died(): Promise<never> {
    return Promise.race(this.#all().map((one) => one.died()));
  }

  checkRest(waiting?: number): Promise<void> {
    return this.#first.checkRest(waiting);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#all().map((one) => one.stop()));
  }

  #all(): readonly Fencepost[] {
    return [this.#first, ...this.#others];
  }
}
