import { type Redis } from 'ioredis';
import { z } from 'zod';
import { endOverdue, type Overdue } from '../../shared/lifecycle/cancel-and-retry.js';
import { ticketOf } from '../../shared/lifecycle/transitions.js';
import { timeoutOf, type TypeTimeout } from '../../shared/protocol/command-types.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { runAll } from '../../shared/store/command-reader.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { commandsOf, type PendingRow, pendingRows } from '../queues/pending-rows.js';
import { readTime } from '../redis/redis-clock.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { type TypeCatalog } from '../types/type-catalog.js';
import { Sweeper } from './sweeper.js';

/** Attempts in one look: a pipeline of so many reads, and at most one script. */
const mostAtOnce = 200;

export interface DeadlineWatchOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly catalog: Pick<TypeCatalog, 'find'>;
  readonly leaseMs: number;
  readonly graceMs: number;
  readonly logger: Logger;
}

/**
 * Ends attempts that hang: their time is over, or their cancellation was requested, and their agent renews
 * them but does not report how they end.
 *
 * An agent enforces the deadline by itself, gives a handler that ignores its abort signal `graceMs` more,
 * and has reported how that ended soon after its next start. So a server waits for the grace, and a lease
 * and a half beyond it: by then recovery has dealt with agents that are gone. Nothing is written when an
 * attempt starts: the pending lists show what runs, and each attempt is read when its deadline may have
 * come, or a lease after it was last looked at, since its cancellation may have been requested meanwhile.
 *
 * Redis's clock may jump, and must not end an attempt that has only begun. So an attempt is over when it is
 * by that clock, and when it can be: by a monotonic clock, no attempt is older than the time since this
 * server last saw that it did not run. Only for attempts that ran before the server's first look does
 * Redis's clock suffice.
 */
export function timeoutEnforcer(options: DeadlineWatchOptions): Sweeper {
  const { link, leaseMs, logger } = options;
  const deadlines = new Deadlines(options);
  return new Sweeper({
    name: 'deadlines',
    intervalMs: leaseMs / 3,
    link,
    sweep: (redis) => deadlines.sweep(redis),
    logger,
  });
}

class Deadlines {
  readonly #options: DeadlineWatchOptions;
  readonly #marginMs: number;
  /** The observations of each delivered entry, by ticket. */
  #watched = new Map<string, Watched>();
  /** When the last sweep began. */
  #sweptAt = -Infinity;

  constructor(options: DeadlineWatchOptions) {
    this.#options = options;
    this.#marginMs = options.graceMs + 1.5 * options.leaseMs;
  }

  async sweep(redis: Redis): Promise<{ count: number; more: boolean }> {
    const { keys, logger } = this.#options;
    const beganAt = performance.now();
    const queues = await redis.smembers(keys.queues);
    const rows = (await Promise.all(queues.map((queue) => pendingRows(redis, keys, queue)))).flat();
    const watched = rows.map((row): [PendingRow, Watched] => [row, this.#watchedOf(row)]);
    this.#watched = new Map(watched.map(([row, one]) => [ticketOfRow(row), one]));
    this.#sweptAt = beganAt;
    const due = watched.filter(([, { lookAt }]) => lookAt <= performance.now());
    const overdue = await this.#look(redis, due.slice(0, mostAtOnce));
    const words = overdue.length === 0 ? [] : await endOverdue(redis, keys, this.#marginMs, overdue);
    const ended = overdue.filter((_, i) => words[i] === 'cancelled');
    for (const { id, attempt } of ended) {
      logger.warn({ commandId: id, attempt }, 'timed out; the agent did not report');
    }
    return { count: ended.length, more: due.length > mostAtOnce };
  }

  #watchedOf(row: PendingRow): Watched {
    const known = this.#watched.get(ticketOfRow(row));
    return known ?? { idleAt: this.#sweptAt, unaskedAt: this.#sweptAt, lookAt: -Infinity };
  }

  /** Reads attempts, and notes when to look at each again. @returns those whose time seems to be over */
  async #look(redis: Redis, due: readonly (readonly [PendingRow, Watched])[]): Promise<Overdue[]> {
    if (due.length === 0) return [];
    const { keys, leaseMs } = this.#options;
    const beganAt = performance.now();
    const ids = await commandsOf(
      redis,
      keys,
      due.map(([row]) => row),
    );
    const nowMs = await readTime(redis);
    const attempts = await this.#read(redis, ids);
    return due.flatMap(([, watched], i) => {
      const attempt = attempts[i];
      if (!attempt) watched.idleAt = beganAt;
      if (attempt?.cancelRequestedAt === Infinity || !attempt) watched.unaskedAt = beganAt;
      const leftMs = attempt ? this.#leftMs(attempt, watched, nowMs) : Infinity;
      watched.lookAt = performance.now() + Math.max(leaseMs / 3, Math.min(leftMs, leaseMs));
      return attempt && leftMs <= 0 ? [attempt] : [];
    });
  }

  /** How long the attempt may still take, with the margin. The script decides, by Redis's clock. */
  #leftMs({ startedAt, timeoutMs, cancelRequestedAt }: Attempt, watched: Watched, nowMs: number): number {
    const at = performance.now();
    const ranMs = Math.min(nowMs - startedAt, at - watched.idleAt);
    const askedMs = Math.min(nowMs - cancelRequestedAt, at - watched.unaskedAt);
    return Math.min(timeoutMs - ranMs, -askedMs) + this.#marginMs;
  }

  /** @returns per id its running attempt; undefined when none runs */
  async #read(redis: Redis, ids: readonly string[]): Promise<(Attempt | undefined)[]> {
    const { keys, catalog } = this.#options;
    const names = ['status', 'attempt', 'retried', 'startedAt', 'timeoutMs', 'cancelRequestedAt', 'type'];
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hmget(keys.command(id), ...names);
    const rows = (await runAll(pipeline)).map((row) => rowSchema.safeParse(row).data);
    const types = await catalog.find([...new Set(rows.flatMap((row) => row?.[6] ?? []))]);
    return Promise.all(
      ids.map(async (id, i) => {
        const row = rows[i];
        if (!row) return undefined;
        const [, attempt, retried, startedAt, timeoutMs, cancelRequestedAt, type] = row;
        const known = types.get(type);
        const rule = known?.usable === true ? known.defaultTimeoutMs : null;
        const typesTimeoutMs =
          timeoutMs === null && rule !== null ? await this.#timeoutBy(redis, id, rule) : undefined;
        return {
          id,
          attempt,
          retried,
          typesTimeoutMs,
          startedAt,
          timeoutMs: timeoutMs ?? typesTimeoutMs ?? Infinity,
          cancelRequestedAt: cancelRequestedAt ?? Infinity,
        };
      }),
    );
  }

  async #timeoutBy(redis: Redis, id: string, rule: TypeTimeout): Promise<number | undefined> {
    if (typeof rule === 'number') return rule;
    return timeoutOf(rule, parsed(await redis.hget(this.#options.keys.command(id), 'payload')));
  }
}

/** The observations of one delivered entry by this server. Times are by `performance.now()`; -Infinity: never. */
interface Watched {
  /** When it was last seen not to run. */
  idleAt: number;
  /** When it was last seen without a requested cancellation. */
  unaskedAt: number;
  /** When to look at it again. */
  lookAt: number;
}

interface Attempt extends Overdue {
  readonly startedAt: number;
  /** Infinity when it is unknown. */
  readonly timeoutMs: number;
  /** Infinity when no cancellation was requested. */
  readonly cancelRequestedAt: number;
}

const optional = z
  .string()
  .nullable()
  .transform((value) => (value === null ? null : Number(value)))
  .pipe(z.int().nullable());
const rowSchema = z.tuple([
  z.literal('RUNNING'),
  z.coerce.number().int(),
  z
    .string()
    .nullable()
    .transform((value) => value ?? ''),
  z.coerce.number().int(),
  optional,
  optional,
  z.string(),
]);

const ticketOfRow = ({ queue, entry }: PendingRow) => ticketOf(queue, entry);

function parsed(text: string | null): unknown {
  try {
    return text === null ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
