import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type PartitionKeys } from './keys.js';

/**
 * Lanes. The commands of a queue whose type not every agent knows wait in a queue of their own, the lane
 * `<queue>/<type>`, which only agents that know the type read. `start` makes it when an agent meets the first of
 * them, `recover` retires it once it is empty. To the scripts it is a queue like any other, with a stream and
 * a place in the set of queues; to clients a command is always in the queue that it was submitted to.
 */

export interface Lane {
  readonly queue: string;
  readonly type: string;
}

/** The queue that a command was submitted to. @param queue what its hash names: that queue, or one of its lanes */
export function homeOf(queue: string): string {
  const slash = queue.indexOf('/');
  return slash === -1 ? queue : queue.slice(0, slash);
}

/** @returns undefined for a queue: no name of one has a slash */
export function laneOf(name: string): Lane | undefined {
  const slash = name.indexOf('/');
  return slash === -1 ? undefined : { queue: name.slice(0, slash), type: name.slice(slash + 1) };
}

const listsSchema = z.array(z.string().nullable());

/** These queues, each after its lanes: every name whose stream may hold commands of theirs. One round trip. */
export async function withLanes(
  redis: Redis,
  keys: PartitionKeys,
  queues: readonly string[],
): Promise<string[]> {
  if (queues.length === 0) return [];
  // A key of another type gives null.
  const lists = listsSchema.parse(await redis.mget(queues.map((queue) => keys.lanes(queue))));
  return queues.flatMap((queue, i) => {
    const types = (lists[i] ?? '').split(' ').filter((type) => type !== '');
    return [...types.map((type) => `${queue}/${type}`), queue];
  });
}
