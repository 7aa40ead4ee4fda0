import { promote } from '../../shared/lifecycle/transitions.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { Sweeper } from './sweeper.js';

/** How late a delayed command may be put on its queue, beside what Redis takes. */
const intervalMs = 250;
/** In one script, during which Redis does nothing else. */
const most = 200;

/** Puts commands whose `runAt` has come on their queues. */
export function promoter(link: RedisCalls, keys: PartitionKeys, logger: Logger): Sweeper {
  return new Sweeper({
    name: 'promoter',
    intervalMs,
    link,
    sweep: (redis) => promote(redis, keys, most),
    logger,
  });
}
