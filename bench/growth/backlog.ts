import { type Redis } from 'ioredis';
import { v7 as uuid } from 'uuid';
import { report, start, submit } from '../../shared/lifecycle/transitions.js';
import { defaults } from '../../shared/protocol/commands.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { type TestRedis } from '../../testing/redis-server.js';
import { load } from '../load.js';
import { type Cost, costDuring } from './cost.js';
import { dataBytes } from './memory.js';

const keys = partitionKeys();
const type = load.type;
/** 50 bytes of JSON, as the target requires. */
const payload = JSON.stringify({ note: 'x'.repeat(39) });
const outcome = { status: 'COMPLETED', result: JSON.stringify(load.result) } as const;

/** Far more than any benchmark has. */
const maxBacklog = 10_000_000;
/** In one call, while a backlog is made or worked off: as many as a server takes in one batch. */
const bulk = 1000;
/** Calls in flight meanwhile, so that Node and Redis work at once. */
const lanes = 2;

/** How long a submission may be under way: longer than any part of this takes. */
const submitWithinMs = 600_000;

/** A Redis in which a certain number of commands waits, and in which others may have been completed. */
export class Backlog {
  readonly #redis: Redis;
  #waiting = 0;

  constructor(redis: TestRedis) {
    this.#redis = redis.client();
  }

  get waiting(): number {
    return this.#waiting;
  }

  /** Deletes everything. */
  async empty(): Promise<void> {
    await this.#redis.flushall();
    this.#waiting = 0;
  }

  /** Submits until so many wait. */
  async fill(waiting: number, signal: AbortSignal): Promise<void> {
    const notAfter = await latestSubmission(this.#redis);
    const lane = async () => {
      while (this.#waiting < waiting) {
        signal.throwIfAborted();
        const count = Math.min(bulk, waiting - this.#waiting);
        this.#waiting += count;
        await this.#submit(count, notAfter);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
  }

  /** Starts and completes until only so many wait. */
  async workOff(waiting: number, signal: AbortSignal): Promise<void> {
    const lane = async (agentId: string) => {
      while (this.#waiting > waiting) {
        signal.throwIfAborted();
        const count = Math.min(bulk, this.#waiting - waiting);
        this.#waiting -= count;
        await this.#execute(count, agentId);
      }
    };
    await Promise.all(Array.from({ length: lanes }, (_, i) => lane(`bench-${i}`)));
  }

  /**
   * Takes `commands` through their whole life, in batches and one call after the other: each batch that is
   * submitted is followed by the start and the report of the oldest that wait, so that as many wait after
   * each batch as before.
   */
  async lap(commands: number): Promise<Cost> {
    const notAfter = await latestSubmission(this.#redis);
    return costDuring(this.#redis, commands, async () => {
      for (let left = commands; left > 0; left -= load.batch) {
        const count = Math.min(load.batch, left);
        await this.#submit(count, notAfter);
        await this.#execute(count, 'bench');
      }
    });
  }

  /** The bytes of Redis's memory that all of it takes. */
  bytes(): Promise<number> {
    return dataBytes(this.#redis);
  }

  async completed(): Promise<number> {
    return Number(await this.#redis.hget(keys.counts, 'COMPLETED'));
  }

  /** @throws when Redis does not hold what was put there */
  async check(): Promise<void> {
    const counts = await this.#redis.hgetall(keys.counts);
    const length = await this.#redis.xlen(keys.stream(defaults.queue));
    if (Number(counts.PENDING) !== this.#waiting || length !== this.#waiting || counts.RUNNING !== '0') {
      throw new Error(`not ${this.#waiting} commands wait: ${JSON.stringify({ ...counts, length })}`);
    }
  }

  async #submit(count: number, notAfter: number): Promise<void> {
    const commands = Array.from({ length: count }, () => ({
      id: uuid(),
      digest: '',
      type,
      payload,
      queue: defaults.queue,
    }));
    const { replies } = await submit(this.#redis, keys, commands, { notAfter, maxBacklog });
    const refused = replies.find(({ word }) => word !== 'accepted');
    if (refused) throw new Error(`Fencepost refused a command: ${JSON.stringify(refused)}`);
  }

  async #execute(count: number, agentId: string): Promise<void> {
    const agent = { agentId, session: `${agentId}.1` };
    const reply = await start(this.#redis, keys, {
      ...agent,
      limit: count,
      queues: [defaults.queue],
      types: [type],
      inFlight: [],
    });
    const held = reply.word === 'ok' ? reply.started : [];
    if (held.length !== count) throw new Error(`Fencepost started ${held.length} commands of ${count}`);
    const words = await report(
      this.#redis,
      keys,
      held.map(({ id, attempt }) => ({ ...agent, id, attempt, outcome })),
    );
    const accepted = words.filter((word) => word === 'accepted').length;
    if (accepted !== count) throw new Error(`Fencepost accepted ${accepted} reports of ${count}`);
  }
}

/** Redis's own clock, some minutes on. */
async function latestSubmission(redis: Redis): Promise<number> {
  const [seconds] = await redis.time();
  return Number(seconds) * 1000 + submitWithinMs;
}
