import { prune, type Retention } from '../../shared/lifecycle/retention.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { Sweeper } from './sweeper.js';

/** How long something may be overdue when nothing else is; and the pause after a look that found nothing due. */
const intervalMs = 250;
/** The most commands in one script call, during which Redis does nothing else: some 2 ms when all of them go. */
const most = 500;

export interface PrunerOptions extends Retention {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly logger: Logger;
}

/**
 * Deletes commands that ended long enough ago. Every server does so: the others do not find what one has
 * deleted.
 *
 * The index is in the order of submission, so many of the old commands may not have ended, or have ended only
 * now. The scan goes on behind them instead of beginning anew each time, and takes a pause after each part in
 * which nothing was due: a backlog of a million costs Redis a small share of its time, whatever waits in
 * front. Only this process knows the position of its scan: after a restart it begins at the front.
 */
export function pruner({ link, keys, logger, ...retention }: PrunerOptions): Sweeper {
  let rank = 0;
  return new Sweeper({
    name: 'pruner',
    intervalMs,
    link,
    sweep: async (redis) => {
      const { count, next } = await prune(redis, keys, { ...retention, rank, most });
      rank = next;
      return { count, more: count > 0 };
    },
    logger,
  });
}
