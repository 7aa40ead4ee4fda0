import { prune, type Retention } from '../../shared/lifecycle/retention.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { Sweeper } from './sweeper.js';

/** How long something may be overdue when nothing else is; and the pause after a look that found nothing due. */
const intervalMs = 250;
/** In one script, during which Redis does nothing else: some 2 ms when all of them go. */
const most = 500;

export interface PrunerOptions extends Retention {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly logger: Logger;
}

/**
 * Deletes commands that ended long enough ago. Every server does it: what one has deleted, the others
 * do not find.
 *
 * The index is in the order of submission, so among what is old there may be much that has not ended, or
 * ended only now. The look goes on behind it instead of beginning anew each time, and takes a pause after
 * each part in which nothing was due: a backlog of a million costs Redis a small share of its time,
 * whatever waits in front. Where it is, this process alone knows: after a restart it begins at the front.
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
