import { expire } from '../../shared/lifecycle/transitions.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { Sweeper } from './sweeper.js';

/** Agents refuse an expired command by themselves: this is only for those that no agent asks for. */
const intervalMs = 500;
/** The most commands in one script call, during which Redis does nothing else. */
const most = 200;

/** Ends commands that were not started within their `ttlMs`. */
export function expirer(link: RedisCalls, keys: PartitionKeys, logger: Logger): Sweeper {
  return new Sweeper({
    name: 'expirer',
    intervalMs,
    link,
    sweep: (redis) => expire(redis, keys, most),
    logger,
  });
}
