import { type Redis } from 'ioredis';
import { z } from 'zod';
import { runAll } from '../../shared/store/command-reader.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { homeOf, laneOf, withLanes } from '../../shared/store/lanes.js';
import { entriesSchema, ifNoGroup } from '../queues/pending-rows.js';
import { lastDelivered } from '../queues/queue-loads.js';

/** A command that an agent could start now. This is only a hint: `start` decides. */
export interface Startable {
  readonly id: string;
  readonly queue: string;
  /** undefined when it was not read. */
  readonly type: string | undefined;
  /** Whether it waits in the lane of its type: an agent that does not know that type cannot start it. */
  readonly inLane: boolean;
}

const rowSchema = z.tuple([z.literal('PENDING'), z.string().min(1), z.string(), z.string()]);
const pausedSchema = z.array(z.string()).catch([]);

/** Returns those of these commands that wait on the stream of a queue that is not paused. */
export async function startable(
  redis: Redis,
  keys: PartitionKeys,
  ids: readonly string[],
): Promise<Startable[]> {
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.hmget(keys.command(id), 'status', 'entry', 'queue', 'type');
  const rows = await runAll(pipeline.hkeys(keys.paused));
  const paused = pausedSchema.parse(rows.at(-1));
  return ids.flatMap((id, i) => {
    const row = rowSchema.safeParse(rows[i]).data;
    return row && !paused.includes(homeOf(row[2])) ? [startableOf(id, row[2], row[3])] : [];
  });
}

/** @param queue the queue or lane in which it waits */
function startableOf(id: string, queue: string, type?: string): Startable {
  const lane = laneOf(queue);
  return { id, queue: homeOf(queue), type: lane?.type ?? type, inLane: lane !== undefined };
}

/**
 * Returns the oldest entries of these queues, and of their lanes, that no agent was given yet, `most` of each;
 * none of queues that are paused. Takes three round trips in all.
 */
export async function undelivered(
  redis: Redis,
  keys: PartitionKeys,
  asked: readonly { readonly queue: string; readonly most: number }[],
): Promise<Startable[]> {
  const mostOf = new Map(asked.map(({ queue, most }) => [queue, most]));
  const names = await withLanes(redis, keys, [...mostOf.keys()]);
  const groups = redis.pipeline();
  for (const queue of names) groups.xinfo('GROUPS', keys.stream(queue));
  const replies = await runAll(groups.hkeys(keys.paused), ifNoGroup(undefined));
  const paused = pausedSchema.parse(replies.at(-1));
  const infos = names.map((queue, i) => ({
    queue,
    most: mostOf.get(homeOf(queue)) ?? 0,
    after: lastDelivered(replies[i]),
  }));
  const queues = infos.filter(({ queue }) => !paused.includes(homeOf(queue)));
  const entries = redis.pipeline();
  queues.forEach(({ queue, most, after }) => {
    entries.xrange(keys.stream(queue), after === undefined ? '-' : `(${after}`, '+', 'COUNT', most);
  });
  const found = await runAll(entries);
  return queues.flatMap(({ queue }, i) =>
    (entriesSchema.safeParse(found[i]).data ?? []).map(({ id }) => startableOf(id, queue)),
  );
}
