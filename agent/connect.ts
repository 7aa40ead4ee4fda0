import { type Credentials } from '../shared/client/credentials.js';
import { type AgentPoint, type Faults } from '../shared/runtime/faults.js';
import { type Logger } from '../shared/runtime/logger.js';
import type * as overHttp from './transport/http-transport.js';
import { RedisTransport } from './transport/redis-transport.js';
import { type AgentIdentity } from '../shared/protocol/agent-identity.js';
import { type AgentDescription, type Transport } from './transport/transport.js';

/** How an agent reaches Fencepost, as plain data: its lease renewer's thread makes a connection of its own from it. */
export type TransportConfig = Reach & {
  readonly agent: AgentIdentity;
  readonly description: AgentDescription;
  readonly leaseMs: number;
};

export type Reach =
  | { readonly transport: 'redis'; readonly redisUrl: string }
  | {
      readonly transport: 'http';
      readonly serverUrls: readonly string[];
      readonly credentials?: Credentials | undefined;
      readonly pollIntervalMs: number;
    };

export function connect(
  config: TransportConfig,
  logger: Logger,
  faults: Pick<Faults<AgentPoint>, 'at' | 'poll'>,
): Transport {
  switch (config.transport) {
    case 'redis':
      return new RedisTransport({ ...config, logger, faults });
    case 'http': {
      // Loaded where it is used only: undici takes a fifth of the time in which an agent's thread comes up.
      // oxlint-disable-next-line typescript/no-require-imports
      const { HttpTransport } = require('./transport/http-transport.js') as typeof overHttp;
      return new HttpTransport({ ...config, logger, faults });
    }
  }
}
