import { type Redis } from 'ioredis';
import { z } from 'zod';
import { ifWrongType } from '../../shared/store/command-reader.js';
import { group, type PartitionKeys } from '../../shared/store/keys.js';
import { homeOf, laneOf } from '../../shared/store/lanes.js';

/** The most rows that are read of one list: any problem of later rows will be the same. */
export const mostRows = 10_000;

/** The stream of a queue, or of one of its lanes, as far as a doctor looks into it. */
export interface QueueStream {
  /** The name that its commands refer to it by. */
  readonly queue: string;
  /** The queue that they were submitted to, which agents serve. */
  readonly home: string;
  /** The type of the commands in a lane; undefined: this is the queue's own stream. */
  readonly laneType: string | undefined;
  readonly stream: string;
  /** The newest entry that some agent was given; `0-0`: none. */
  readonly lastDelivered: string;
  /** Entries that no agent was given yet, and the oldest of them. */
  readonly waiting: number;
  readonly oldest: StreamEntry | undefined;
  /** When an operator paused it: Redis time in ms; undefined: it is not paused. */
  readonly pausedAt: number | undefined;
}

export interface StreamEntry {
  readonly entry: string;
  /** The id of the command; '' for an entry that Fencepost did not write. */
  readonly id: string;
}

/** An entry that was delivered and not acknowledged. */
export interface PendingEntry {
  readonly entry: string;
  /** The agent, or `~recovery`. */
  readonly consumer: string;
  /** Since it was delivered or last renewed. */
  readonly idleMs: number;
}

const entriesSchema = z.array(
  z.tuple([z.string(), z.array(z.string()).nullable()]).transform(([entry, fields]): StreamEntry => ({
    entry,
    id: fields?.length === 2 && fields[0] === 'id' ? (fields[1] ?? '') : '',
  })),
);
const consumerSchema = z.object({ name: z.string(), idle: z.number(), inactive: z.number().optional() });
const pendingSchema = z.array(z.tuple([z.string(), z.string(), z.number(), z.number()]));

export async function readQueueStreams(redis: Redis, keys: PartitionKeys): Promise<QueueStream[]> {
  const [queues, paused] = await Promise.all([
    redis.smembers(keys.queues).catch(ifWrongType<string[]>([])),
    redis.hgetall(keys.paused).catch(ifWrongType<Record<string, string>>({})),
  ]);
  // A queue may be named `constructor`.
  const pausedSince = new Map(Object.entries(paused));
  return Promise.all(
    queues.sort().map(async (queue) => {
      const stream = keys.stream(queue);
      const lastDelivered = await readLastDelivered(redis, stream);
      const [length, spent, oldest] = await Promise.all([
        redis.xlen(stream).catch(ifWrongType(0)),
        readEntries(redis, stream, '-', lastDelivered),
        readEntries(redis, stream, `(${lastDelivered}`, '+', 1),
      ]);
      const home = homeOf(queue);
      const since = pausedSince.get(home);
      const pausedAt = since === undefined ? undefined : Number(since);
      const waiting = oldest.length === 0 ? 0 : Math.max(1, length - spent.length);
      const laneType = laneOf(queue)?.type;
      return { queue, home, laneType, stream, lastDelivered, waiting, oldest: oldest[0], pausedAt };
    }),
  );
}

/** Entries of a stream, oldest first. */
export async function readEntries(
  redis: Redis,
  stream: string,
  from: string,
  to: string,
  most = mostRows,
): Promise<StreamEntry[]> {
  return entriesSchema.parse(
    await redis.xrange(stream, from, to, 'COUNT', most).catch(ifWrongType<unknown>([])),
  );
}

/** The pending list of a queue, oldest entry first. */
export async function readPending(redis: Redis, stream: string): Promise<PendingEntry[]> {
  const rows = await redis.xpending(stream, group, '-', '+', mostRows).catch(ifNoGroup<unknown>([]));
  return pendingSchema.parse(rows).map(([entry, consumer, idleMs]) => ({ entry, consumer, idleMs }));
}

/**
 * Returns how long ago each consumer was last given an entry of this queue, or renewed one: in ms. Consumers
 * without either are missing. Before Redis 7.2 `idle` has this meaning; since then, reads in vain reset it too.
 */
export async function readTookAgo(redis: Redis, stream: string): Promise<ReadonlyMap<string, number>> {
  const consumers = z
    .array(z.array(z.unknown()))
    .parse(await redis.xinfo('CONSUMERS', stream, group).catch(ifNoGroup<unknown>([])));
  return new Map(
    consumers.flatMap((fields) => {
      const { name, idle, inactive = idle } = consumerSchema.parse(pairsOf(fields));
      return inactive < 0 ? [] : [[name, inactive] as const];
    }),
  );
}

const pairsOf = (fields: readonly unknown[]) =>
  Object.fromEntries(fields.flatMap((field, i) => (i % 2 === 0 ? [[String(field), fields[i + 1]]] : [])));

async function readLastDelivered(redis: Redis, stream: string): Promise<string> {
  const groups = z
    .array(z.array(z.unknown()))
    .parse(await redis.xinfo('GROUPS', stream).catch(ifNoGroup<unknown>([])));
  const own = groups.find((fields) => fields[fields.indexOf('name') + 1] === group);
  return z
    .string()
    .catch('0-0')
    .parse(own?.[own.indexOf('last-delivered-id') + 1]);
}

/** For `catch`: this value for a queue that no agent has read from yet, or whose stream is gone or broken. */
function ifNoGroup<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Error && /^(NOGROUP|WRONGTYPE|ERR no such key)/.test(error.message)) return value;
    throw error;
  };
}
