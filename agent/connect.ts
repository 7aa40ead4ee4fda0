import { type AgentPoint, type Faults } from '../shared/runtime/faults.js';
import { type Logger } from '../shared/runtime/logger.js';
import { HttpTransport } from '../shared/transport/http-transport.js';
import { RedisTransport } from '../shared/transport/redis-transport.js';
import { type AgentDescription, type AgentIdentity, type Transport } from '../shared/transport/transport.js';

/** How an agent reaches Fencepost, as plain data: its keeper's thread makes a connection of its own from it. */
export type TransportConfig = Reach & {
  readonly agent: AgentIdentity;
  readonly description: AgentDescription;
  readonly leaseMs: number;
};

export type Reach =
  | { readonly transport: 'redis'; readonly redisUrl: string }
  | { readonly transport: 'http'; readonly serverUrls: readonly string[]; readonly pollIntervalMs: number };

export function connect(
  config: TransportConfig,
  logger: Logger,
  faults: Pick<Faults<AgentPoint>, 'at' | 'poll'>,
): Transport {
  switch (config.transport) {
    case 'redis':
      return new RedisTransport({ ...config, logger, faults });
    case 'http':
      return new HttpTransport({ ...config, logger, faults });
  }
}
