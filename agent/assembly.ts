import { hostname } from 'node:os';
import { type ServedQueues } from '../shared/protocol/served-queues.js';
import { type AgentPoint, type Faults } from '../shared/runtime/faults.js';
import { version } from '../shared/runtime/version.js';
import { Agent, type AgentOptions } from './agent.js';
import { connect, type Reach, type TransportConfig } from './connect.js';
import { LeaseRenewer, type LeaseRenewerOptions } from './lease-renewer.js';

export interface AssemblyOptions
  extends
    Pick<AgentOptions, 'journal' | 'registry' | 'concurrency' | 'leaseMs' | 'graceMs' | 'onFatal' | 'logger'>,
    Pick<LeaseRenewerOptions, 'maxBlockMs' | 'mayKill'> {
  readonly reach: Reach;
  readonly queues: ServedQueues;
  readonly faults: Pick<Faults<AgentPoint>, 'at' | 'soonAt' | 'poll'>;
  /** The log of the lease renewer's thread, which cannot share a logger. */
  readonly leaseRenewerLog: Pick<LeaseRenewerOptions, 'logger' | 'onLog'>;
}

/** An agent with its transport and its lease renewer, for whatever process it is in. */
export function assembleAgent(options: AssemblyOptions): Agent {
  const { reach, journal, registry, queues, concurrency, leaseMs, graceMs, maxBlockMs } = options;
  const { faults, logger, leaseRenewerLog, mayKill, onFatal } = options;
  const types = [...registry.keys()];
  const transportConfig: TransportConfig = {
    ...reach,
    agent: journal.identity,
    description: { host: hostname(), pid: process.pid, version, ...queues, types, concurrency },
    leaseMs,
  };
  const leaseRenewer = new LeaseRenewer({
    transport: transportConfig,
    ...{ leaseMs, maxBlockMs, graceMs, mayKill, ...leaseRenewerLog },
    onLost: (attempt, why) => agent.lose(attempt, why),
    onCancelled: (attempt) => agent.cancel(attempt),
    onDraining: () => void agent.drain(),
    onOver: onFatal,
  });
  const agent = new Agent({
    transport: connect(transportConfig, logger, faults),
    ...{ journal, registry, leaseRenewer, concurrency, leaseMs, graceMs },
    longestPauseMs: reach.transport === 'http' ? reach.pollIntervalMs : undefined,
    ...{ faults, onFatal, logger },
  });
  return agent;
}
