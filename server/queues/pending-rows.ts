import { type Redis } from 'ioredis';
import { z } from 'zod';
import { runAll } from '../../shared/store/command-reader.js';
import { group, type PartitionKeys } from '../../shared/store/keys.js';

/** An entry that was delivered and not acknowledged. */
export interface PendingRow {
  readonly queue: string;
  readonly entry: string;
  /** The agent, or `~recovery`. */
  readonly consumer: string;
  /** The time since it was delivered or last renewed, which is the age of the lease. */
  readonly idleMs: number;
}

const pageRows = 1000;

const rowsSchema = z.array(z.tuple([z.string(), z.string(), z.number(), z.number()]));

/** The pending list of a queue, oldest entry first. */
export async function pendingRows(redis: Redis, keys: PartitionKeys, queue: string): Promise<PendingRow[]> {
  const rows: PendingRow[] = [];
  for (let from = '-'; ;) {
    const page = rowsSchema.parse(
      await redis.xpending(keys.stream(queue), group, from, '+', pageRows).catch(ifNoGroup([])),
    );
    for (const [entry, consumer, idleMs] of page) rows.push({ queue, entry, consumer, idleMs });
    if (page.length < pageRows) return rows;
    from = `(${page.at(-1)?.[0] ?? ''}`;
  }
}

/** A reply of XRANGE. An entry's only field is `id`; a stray one has others, and belongs to no command. */
export const entriesSchema = z.array(
  z.tuple([z.string(), z.array(z.string()).nullable()]).transform(([entry, fields]) => ({
    entry,
    id: fields?.[0] === 'id' ? (fields[1] ?? '') : '',
  })),
);

/** @returns the id of each row's command, in order; '' for an entry that is gone or a stray */
export async function commandsOf(
  redis: Redis,
  keys: PartitionKeys,
  rows: readonly PendingRow[],
): Promise<string[]> {
  const pipeline = redis.pipeline();
  for (const { queue, entry } of rows) pipeline.xrange(keys.stream(queue), entry, entry);
  const replies = await runAll(pipeline);
  return replies.map((reply) => entriesSchema.parse(reply ?? [])[0]?.id ?? '');
}

/** For `catch`: this value for a queue that no agent has read from yet, or whose stream is gone or broken. */
export function ifNoGroup<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (error instanceof Error && /^(NOGROUP|WRONGTYPE|ERR no such key)/.test(error.message)) return value;
    throw error;
  };
}
