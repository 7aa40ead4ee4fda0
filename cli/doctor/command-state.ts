import { type Redis } from 'ioredis';
import { z } from 'zod';
import { readAtOnce } from '../../shared/store/read-at-once.js';
import { group, type PartitionKeys } from '../../shared/store/keys.js';

/** All that determines where a command is, read at one moment: the scripts change it in one step. */
export interface CommandState {
  readonly id: string;
  /** Undefined: there is no such command, or its key holds something else. */
  readonly status: string | undefined;
  readonly queue: string;
  /** The current entry; '' while the command waits in `scheduled`, or was never put on a queue. */
  readonly entry: string;
  readonly agentId: string;
  /** When it expires unless it is started: Redis time in ms. */
  readonly expiresAt: number | undefined;
  /** The last renewal that found no entry. */
  readonly renewedAt: number | undefined;
  readonly marker: string | undefined;
  /** The entry that was asked for is on the stream; is delivered and not acknowledged. */
  readonly isOnStream: boolean;
  readonly isPending: boolean;
  readonly isScheduled: boolean;
}

export interface CommandPlace {
  readonly id: string;
  readonly queue: string;
  readonly entry: string;
}

const text = z.string().nullable().catch(null);
const number = z
  .string()
  .regex(/^\d{1,16}$/)
  .transform(Number)
  .optional()
  .catch(undefined);
const hashSchema = z
  .tuple([text, text, text, text, number, number])
  .catch([null, null, null, null, undefined, undefined]);
const rowsSchema = z.array(z.unknown()).catch([]);

/** @param place where the command is thought to be */
export async function readCommandState(
  redis: Redis,
  keys: PartitionKeys,
  { id, queue, entry }: CommandPlace,
): Promise<CommandState> {
  const stream = keys.stream(queue);
  const [command, marker] = [keys.command(id), keys.marker(id)];
  const fields = ['status', 'queue', 'entry', 'agentId', 'expiresAt', 'renewedAt'];
  const replies = await readAtOnce(
    redis,
    [command, marker, keys.scheduled, stream],
    [
      ['HMGET', command, ...fields],
      ['GET', marker],
      ['ZSCORE', keys.scheduled, id],
      // A corrupted field may hold no valid entry id: Redis then refuses these two, and the field names no entry.
      ['XRANGE', stream, entry, entry],
      ['XPENDING', stream, group, entry, entry, '1'],
    ],
  );
  const [hash, markerText, score, entries, pending] = replies;
  const [status, own, current, agentId, expiresAt, renewedAt] = hashSchema.parse(hash);
  return {
    id,
    status: status ?? undefined,
    queue: own ?? queue,
    entry: current ?? '',
    agentId: agentId ?? '',
    expiresAt,
    renewedAt,
    marker: text.parse(markerText) ?? undefined,
    isOnStream: rowsSchema.parse(entries).length > 0,
    isPending: rowsSchema.parse(pending).length > 0,
    isScheduled: text.parse(score) !== null,
  };
}
