import { promote } from '../../shared/lifecycle/transitions.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { Sweeper } from './sweeper.js';

/**
 * How long it sleeps at most, less or more a fifth: one that was submitted meanwhile and is due sooner
 * may be so late. All others are due while it sleeps exactly until then.
 */
const intervalMs = 75;
/** In one script, during which Redis does nothing else. */
const most = 200;

/**
 * Puts commands whose `runAt` has come on their queues. Every server does, each at the very time: whoever
 * is first does it, and the others find nothing.
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
