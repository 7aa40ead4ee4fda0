import { type Redis } from 'ioredis';
import { retireQueues } from '../../shared/lifecycle/upkeep.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { ifWrongType } from '../../shared/store/command-reader.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { laneOf } from '../../shared/store/lanes.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { Sweeper } from './sweeper.js';

/** How long a queue that is no longer needed may still be in use. */
const intervalMs = 5000;
/** The most queues in one script call, during which Redis does nothing else. */
const most = 200;

export interface RetirerOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly logger: Logger;
}

/**
 * Takes queues out of use of which no command is kept any more. Every server does so: the others do not
 * find what one has retired.
 */
export function retirer({ link, keys, logger }: RetirerOptions): Sweeper {
  return new Sweeper({
    name: 'retirer',
    intervalMs,
    link,
    sweep: async (redis) => {
      const unused = await readUnused(redis, keys);
      const retired = unused.length === 0 ? [] : await retireQueues(redis, keys, unused.slice(0, most));
      // A queue that was left alone holds something that is not counted: there is no hurry.
      return { count: retired.length, more: retired.length === most };
    },
    logger,
  });
}

/** Returns queues of which no command is counted, from a random one on: those that stay must not hide the others. */
async function readUnused(redis: Redis, keys: PartitionKeys): Promise<string[]> {
  const [inUse, counted, paused] = await Promise.all([
    redis.smembers(keys.queues).catch(ifWrongType<string[]>([])),
    redis.hkeys(keys.queueCommands).catch(ifWrongType<string[]>([])),
    redis.hkeys(keys.paused).catch(ifWrongType<string[]>([])),
  ]);
  const needed = new Set([...counted, ...paused]);
  const unused = inUse.filter((queue) => laneOf(queue) === undefined && !needed.has(queue));
  const first = Math.floor(Math.random() * unused.length);
  return [...unused.slice(first), ...unused.slice(0, first)];
}
