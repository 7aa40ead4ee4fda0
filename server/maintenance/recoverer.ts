import { recover } from '../../shared/lifecycle/recovery.js';
import { type CrashPoints, type ServerPoint } from '../../shared/runtime/faults.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { Sweeper } from './sweeper.js';

export interface RecovererOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly leaseMs: number;
  readonly faults: CrashPoints<ServerPoint>;
  readonly logger: Logger;
}

/**
 * Resolves commands whose agent was lost. Agents do the same: any process that is alive is enough.
 *
 * The calls are also the pulse by which Redis notices an outage of its own, so the interval is part of the
 * protocol: a twelfth of the lease, where a sixth without any call counts as an outage.
 */
export function recoverer({ link, keys, leaseMs, faults, logger }: RecovererOptions): Sweeper {
  return new Sweeper({
    name: 'recovery',
    intervalMs: leaseMs / 12,
    link,
    sweep: async (redis) => {
      const { resolved } = await recover(redis, keys, leaseMs, () => faults.at('in-recovery'));
      for (const { word, id, ...about } of resolved)
        logger.warn({ commandId: id, ...about, outcome: word }, 'recovered');
      return { count: resolved.length, more: false };
    },
    logger,
  });
}
