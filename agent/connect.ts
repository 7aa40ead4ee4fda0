import { type AgentPoint, type Faults } from '../shared/runtime/faults.js';
import { type Logger } from '../shared/runtime/logger.js';
import { RedisTransport } from '../shared/transport/redis-transport.js';
import { type AgentDescription, type AgentIdentity, type Transport } from '../shared/transport/transport.js';

/** How an agent reaches Fencepost, as plain data: its keeper's thread makes a connection of its own from it. */
export interface TransportConfig {
  readonly redisUrl: string;
  readonly agent: AgentIdentity;
  readonly description: AgentDescription;
  readonly leaseMs: number;
}

export function connect(
  config: TransportConfig,
  logger: Logger,
  faults: Pick<Faults<AgentPoint>, 'at' | 'poll'>,
): Transport {
  return new RedisTransport({ ...config, logger, faults });
}
