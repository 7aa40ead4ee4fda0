import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { v7 as uuid } from 'uuid';
import { RedisClock } from '../server/redis/redis-clock.js';
import { Submitter } from '../server/commands/submitter.js';
import { type NewCommand } from '../shared/lifecycle/transitions.js';
import { defaults } from '../shared/protocol/commands.js';
import { group, partitionKeys } from '../shared/store/keys.js';
import { type TestRedis } from '../testing/redis-server.js';
import { checkFound, type Contestant } from './contestant.js';
import { load } from './load.js';
import { WorkerProcess } from './worker-process.js';

const keys = partitionKeys();
const stream = keys.stream(defaults.queue);

/** Where commands are taken in. */
export type Door = Pick<Submitter, 'submit'>;

/** The server's own way to Redis, without HTTP in front of it. */
export const submitterOn = (redis: Redis): Door =>
  new Submitter({
    link: { call: (work) => work(redis) },
    keys,
    clock: new RedisClock(),
    maxBacklog: 2_000_000,
  });

/** A command of the load, as the server makes one. */
export const newCommand = (id: string = uuid()): NewCommand => ({
  id,
  digest: '',
  type: load.type,
  payload: JSON.stringify(load.payload),
  queue: defaults.queue,
});

/** @throws when one is not stored */
export async function submitAll(door: Door, commands: readonly NewCommand[]): Promise<void> {
  const replies = await door.submit(commands);
  const refused = replies.find((reply) => reply.word !== 'accepted');
  if (refused) throw new Error(`Fencepost refused a command: ${JSON.stringify(refused)}`);
}

/** Fencepost as it is run: the real agent with its journal, its commands submitted as the server does it. */
export class Fencepost implements Contestant {
  readonly name = 'Fencepost';
  readonly #redisUrl: string;
  readonly #concurrency: number;
  readonly #redis: Redis;
  readonly #door: Door;
  #dataDir: string | undefined;
  #agent: WorkerProcess | undefined;
  /** The count of completed commands before the first command of this contestant. */
  #completedBefore = 0;
  #submitted = 0;

  constructor(redis: TestRedis, concurrency: number = load.concurrency, door?: Door) {
    this.#redisUrl = redis.url;
    this.#concurrency = concurrency;
    // Without the server's timeouts, as BullMQ's: a disk that stalls makes a lap slow, not void.
    this.#redis = redis.client();
    this.#door = door ?? submitterOn(this.#redis);
  }

  async start(): Promise<void> {
    this.#completedBefore = await this.completed();
    this.#dataDir = await mkdtemp(join(tmpdir(), 'fencepost-bench-'));
    this.#agent = await WorkerProcess.start(['dist/agent/main.js'], {
      REDIS_URL: this.#redisUrl,
      DATA_DIR: this.#dataDir,
      AGENT_CONCURRENCY: String(this.#concurrency),
      LOG_LEVEL: 'warn',
    });
  }

  async submit(count: number): Promise<void> {
    this.#submitted += count;
    await submitAll(
      this.#door,
      Array.from({ length: count }, () => newCommand()),
    );
  }

  /** One command under an id of the caller's choice. */
  async submitAs(id: string): Promise<void> {
    this.#submitted++;
    await submitAll(this.#door, [newCommand(id)]);
  }

  async completed(): Promise<number> {
    const [completed, failed] = await this.#redis.hmget(keys.counts, 'COMPLETED', 'FAILED');
    if (Number(failed ?? 0) > 0) throw new Error(`Fencepost: ${failed} commands failed`);
    return Number(completed ?? 0) - this.#completedBefore;
  }

  /** The id of the process that executes; undefined before it was started. */
  get workerPid(): number | undefined {
    return this.#agent?.pid;
  }

  freeze(): void {
    this.#agent?.freeze();
  }

  thaw(): void {
    this.#agent?.thaw();
  }

  died(): Promise<never> {
    return this.#agent?.died() ?? new Promise(() => undefined);
  }

  async checkRest(waiting = 0): Promise<void> {
    const [length, pending, completed] = await Promise.all([
      this.#redis.xlen(stream),
      this.#pending(),
      this.completed(),
    ]);
    const wanted = { length: waiting, pending: 0, completed: this.#submitted - waiting };
    checkFound(this.name, { length, pending, completed }, wanted);
  }

  /** Delivered and not acknowledged; 0 while no agent ever made the group. */
  async #pending(): Promise<number> {
    if (!this.#agent) return 0;
    const [pending] = await this.#redis.xpending(stream, group);
    return Number(pending);
  }

  async stop(): Promise<void> {
    await this.#agent?.stop();
    this.#redis.disconnect();
    if (this.#dataDir !== undefined) await rm(this.#dataDir, { recursive: true, force: true });
  }
}
