import { type Redis } from 'ioredis';
import { ifWrongType } from '../../shared/store/command-reader.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { commandsOf, entriesSchema, type PendingRow, pendingRows } from '../queues/pending-rows.js';
import { comesAfter, compare, type ListOrder, type Position } from './page-cursor.js';

/** A command that may belong to a list: its hash decides. */
export interface Candidate {
  readonly id: string;
  readonly position: Position;
}

/** A source of the commands of a list, newest first. */
export interface Candidates {
  readonly order: ListOrder;
  /** @returns up to `count` candidates that come after `after`; fewer mean that these were the last */
  next(after: Position | undefined, count: number): Promise<Candidate[]>;
}

/** Commands in a sorted set: all by creation, or those that FAILED. Scores are microseconds. */
export function indexed(redis: Redis, key: string, order: 'created' | 'failed'): Candidates {
  const place = (score: number, id: string): Position => [score, 0, id];
  return { order, next: (after, count) => descend(redis, key, place, after, count) };
}

/**
 * Commands that may be PENDING: those on the streams and those that are scheduled, by the instant at which
 * each was, or will be, put on its queue; for one that is neither delayed nor retried that is its creation.
 * The index of all commands is not used: one that waits for long may lie behind a million that ended.
 *
 * Many queues are each read a little, and further only where that did not suffice: a full page of every
 * queue would be a thousand pages.
 */
export function queued(redis: Redis, keys: PartitionKeys, queues: readonly string[]): Candidates {
  // Sorts before the entries of the same millisecond, whose minor number is their sequence.
  const place = (runAt: number, id: string): Position => [runAt, Number.MAX_SAFE_INTEGER, id];
  return {
    order: 'queued',
    async next(after, count) {
      const sources: Source[] = [
        {
          read: (from, most) => descend(redis, keys.scheduled, place, from, most),
          ...unread(after, count),
        },
        ...queues.map((queue) => ({
          read: (from: Position | undefined, most: number) => onStream(redis, keys, queue, from, most),
          ...unread(after, Math.ceil(count / queues.length)),
        })),
      ];
      for (;;) {
        const page = newest(
          sources.flatMap(({ found }) => found),
          count,
        );
        const last = page.length === count ? page.at(-1)?.position : undefined;
        const short = sources.filter((source) => mayHaveMore(source, last));
        if (short.length === 0) return page;
        await Promise.all(short.map(readOn));
      }
    },
  };
}

/** One stream or sorted set with candidates, newest first, as far as it has been read. */
interface Source {
  readonly read: (after: Position | undefined, most: number) => Promise<Candidate[]>;
  readonly found: Candidate[];
  /** The position behind which it is to be read next. */
  after: Position | undefined;
  /** How many to read next; 0 when it was read to its end. */
  most: number;
}

const unread = (after: Position | undefined, most: number) => ({ found: [], after, most: Math.max(2, most) });

/** Whether candidates of a source that were not read yet could come before `last`, the last of a full page. */
function mayHaveMore({ after, most, found }: Source, last: Position | undefined): boolean {
  if (most === 0) return false;
  return last === undefined || found.length === 0 || after === undefined || comesAfter(last, after);
}

async function readOn(source: Source): Promise<void> {
  const more = await source.read(source.after, source.most);
  source.found.push(...more);
  source.after = more.at(-1)?.position ?? source.after;
  source.most = more.length < source.most ? 0 : 2 * source.most;
}

/**
 * Commands that may be RUNNING: those that were delivered and not acknowledged, by the instant at which
 * each was put on its queue. The pending lists are read whole, since Redis shows them oldest first: they
 * hold no more than the agents have in flight.
 */
export function delivered(redis: Redis, keys: PartitionKeys, queues: readonly string[]): Candidates {
  let reading: Promise<{ row: PendingRow; position: Position }[]> | undefined;
  const readPlaces = async () => {
    const rows = (await Promise.all(queues.map((queue) => pendingRows(redis, keys, queue)))).flat();
    return rows.map((row) => ({ row, position: placeOf(row.entry, row.queue) }));
  };
  return {
    order: 'running',
    async next(after, count) {
      const places = await (reading ??= readPlaces());
      const page = newest(
        places.filter(({ position }) => after === undefined || comesAfter(position, after)),
        count,
      );
      const ids = await commandsOf(
        redis,
        keys,
        page.map(({ row }) => row),
      );
      return page.map(({ position }, i) => ({ position, id: ids[i] ?? '' }));
    },
  };
}

function newest<T extends { readonly position: Position }>(found: T[], count: number): T[] {
  return found.sort((one, other) => compare(one.position, other.position)).slice(0, count);
}

function placeOf(entry: string, queue: string): Position {
  const [ms, sequence] = entry.split('-');
  return [Number(ms), Number(sequence), queue];
}

async function onStream(
  redis: Redis,
  keys: PartitionKeys,
  queue: string,
  after: Position | undefined,
  count: number,
): Promise<Candidate[]> {
  const from = after === undefined ? '+' : `${after[0]}-${after[1]}`;
  // One more: the entry that `after` names is read again.
  const reply = await redis
    .xrevrange(keys.stream(queue), from, '-', 'COUNT', count + 1)
    .catch(ifWrongType<unknown>([]));
  return entriesSchema
    .parse(reply)
    .map(({ entry, id }) => ({ id, position: placeOf(entry, queue) }))
    .filter(({ position }) => after === undefined || comesAfter(position, after))
    .slice(0, count);
}

/** Reads a sorted set down from `after`. Members of one score are in order of name, so those before it are skipped. */
async function descend(
  redis: Redis,
  key: string,
  place: (score: number, id: string) => Position,
  after: Position | undefined,
  count: number,
): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (let offset = 0; found.length < count; offset += count) {
    const page = await redis
      .zrevrangebyscore(key, after?.[0] ?? '+inf', '-inf', 'WITHSCORES', 'LIMIT', offset, count)
      .catch(ifWrongType<string[]>([]));
    for (let i = 0; i < page.length; i += 2) {
      const id = page[i] ?? '';
      const position = place(Number(page[i + 1]), id);
      if (after === undefined || comesAfter(position, after)) found.push({ id, position });
    }
    if (page.length < 2 * count) break;
  }
  return found.slice(0, count);
}
