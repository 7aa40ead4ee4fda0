import { type ChainableCommander, type Redis } from 'ioredis';
import { z } from 'zod';
import { rescue, type Suspect } from '../../shared/lifecycle/recovery.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { group, type PartitionKeys } from '../../shared/store/keys.js';
import { laneOf } from '../../shared/store/lanes.js';
import { readAtOnce } from '../../shared/store/read-at-once.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { Sweeper } from './sweeper.js';

/** Commands in one look: a pipeline of so many reads. */
const pageSize = 500;

export interface RescuerOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly leaseMs: number;
  readonly logger: Logger;
}

/**
 * Finds orphaned commands, which nothing names any more because a stream, a group's entries or `scheduled`
 * were deleted, and has them resolved.
 *
 * Every command that has not ended is on a stream or scheduled, once. So the numbers show whether any is
 * missing, and only then is every command looked at. One that is missing twice, a lease apart, is
 * resolved: in between, its agent may have been about to renew it.
 */
export function orphanRepairer({ link, keys, leaseMs, logger }: RescuerOptions): Sweeper {
  const search = new Search(keys, leaseMs);
  return new Sweeper({
    name: 'rescue',
    intervalMs: leaseMs / 2,
    link,
    sweep: async (redis) => {
      const { words, more } = await search.goOn(redis);
      for (const [id, word] of words)
        logger.warn({ commandId: id, outcome: word }, 'resolved orphaned command');
      return { count: words.size, more };
    },
    logger,
  });
}

class Search {
  readonly #keys: PartitionKeys;
  readonly #leaseMs: number;
  /** When a command was first missed, and with which entry. */
  readonly #missed = new Map<string, { readonly entry: string; readonly atMs: number }>();
  /** The position of the scan of every command; undefined while none is under way. */
  #rank: number | undefined;

  constructor(keys: PartitionKeys, leaseMs: number) {
    this.#keys = keys;
    this.#leaseMs = leaseMs;
  }

  /** Processes one page. @returns the reply of `rescue` by command, and whether there is more to look at */
  async goOn(redis: Redis): Promise<{ words: Map<string, string>; more: boolean }> {
    if (this.#rank === undefined) {
      if (await this.#isComplete(redis)) {
        this.#missed.clear();
        return { words: new Map(), more: false };
      }
      this.#rank = 0;
    }
    const ids = await redis.zrevrange(this.#keys.index, this.#rank, this.#rank + pageSize - 1);
    this.#rank = ids.length < pageSize ? undefined : this.#rank + pageSize;
    const due = this.#note(await this.#unnamed(redis, ids), ids);
    const words = due.length === 0 ? [] : await rescue(redis, this.#keys, this.#leaseMs, due);
    return { words: new Map(due.map(({ id }, i) => [id, words[i] ?? ''])), more: this.#rank !== undefined };
  }

  /** Whether as many commands are on streams and scheduled as have not ended. */
  async #isComplete(redis: Redis): Promise<boolean> {
    const queues = await redis.smembers(this.#keys.queues);
    const { counts, scheduled } = this.#keys;
    const streams = queues.map((queue) => this.#keys.stream(queue));
    // Read at one moment: under load the numbers fit together at no other.
    const [open, ...named] = await readAtOnce(
      redis,
      [counts, scheduled, ...streams],
      [
        ['HMGET', counts, 'PENDING', 'RUNNING'],
        ['ZCARD', scheduled],
        ...streams.map((stream) => ['XLEN', stream]),
      ],
    );
    const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);
    return sum(countsSchema.parse(open)) <= sum(named.map((length) => z.number().catch(0).parse(length)));
  }

  /** Returns those of `ids` that have not ended and that nothing names. */
  async #unnamed(redis: Redis, ids: readonly string[]): Promise<Suspect[]> {
    const hashes = await readAll(redis, ids, (batch, id) =>
      batch.hmget(this.#keys.command(id), 'status', 'entry', 'queue'),
    );
    const open = ids.flatMap((id, i) => {
      const [status, entry, queue] = fieldsSchema.parse(hashes[i]);
      return (status === 'PENDING' || status === 'RUNNING') && queue
        ? [{ id, entry: entry ?? '', queue }]
        : [];
    });
    const named = await readAll(redis, open, (batch, { id, entry, queue }) =>
      entry === ''
        ? batch.zscore(this.#keys.scheduled, id)
        : batch.xrange(this.#keys.stream(queue), entry, entry),
    );
    // No process looks after a lane that is not among the queues: `rescue` takes its commands out of it.
    const queues = new Set(await redis.smembers(this.#keys.queues));
    const isLost = (queue: string) => laneOf(queue) !== undefined && !queues.has(queue);
    const pending = await readAll(redis, open, (batch, { entry, queue }) =>
      entry === '' ? batch.ping() : batch.xpending(this.#keys.stream(queue), group, entry, entry, 1),
    );
    return open.filter(
      ({ entry, queue }, i) =>
        (entry !== '' && isLost(queue)) || (isNothing(named[i]) && (entry === '' || isNothing(pending[i]))),
    );
  }

  /** Remembers the missing commands. @returns those that were missed with the same entry a lease ago already */
  #note(unnamed: readonly Suspect[], looked: readonly string[]): Suspect[] {
    const now = performance.now();
    const missing = new Set(unnamed.map(({ id }) => id));
    for (const id of looked) if (!missing.has(id)) this.#missed.delete(id);
    return unnamed.filter(({ id, entry }) => {
      const before = this.#missed.get(id);
      if (before?.entry !== entry) this.#missed.set(id, { entry, atMs: now });
      return before?.entry === entry && now - before.atMs >= this.#leaseMs;
    });
  }
}

const countsSchema = z.array(z.coerce.number()).catch([]);
const fieldsSchema = z
  .tuple([z.string().nullable(), z.string().nullable(), z.string().nullable()])
  .catch([null, null, null]);

/** An error counts as nothing: a key of another type, or a group that was deleted, names no command. */
const isNothing = (reply: unknown) =>
  reply === null || reply === undefined || (Array.isArray(reply) && reply.length === 0);

/** One reply per item, in order; undefined for one that is an error. */
async function readAll<Item>(
  redis: Redis,
  items: readonly Item[],
  read: (batch: ChainableCommander, item: Item) => unknown,
): Promise<unknown[]> {
  const batch = redis.pipeline();
  for (const item of items) read(batch, item);
  const replies = (await batch.exec()) ?? [];
  return replies.map(([error, reply]) => (error ? undefined : reply));
}
