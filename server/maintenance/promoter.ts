import { promote } from '../../shared/lifecycle/transitions.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { Sweeper } from './sweeper.js';

/**
 * The longest sleep, plus or minus a fifth: a command that is submitted meanwhile and is due sooner may be
 * this late. For all others the promoter sleeps exactly until they are due.
 */
const intervalMs = 75;
/** The most commands in one script call, during which Redis does nothing else. */
const most = 200;

/**
 * Puts commands whose `runAt` has come on their queues. Every server does so at that very time: the first one
 * does the work, and the others find nothing.
 */
export function promoter(link: RedisCalls, keys: PartitionKeys, logger: Logger): Sweeper {
  return new Sweeper({
    name: 'promoter',
    intervalMs,
    link,
    sweep: async (redis) => {
      const { count, nextInMs } = await promote(redis, keys, most);
      return { count, more: nextInMs === 0, nextInMs };
    },
    logger,
  });
}
