import { hostname } from 'node:os';
import { join } from 'node:path';
import { Agent } from '../agent/agent.js';
import { loadCommands } from '../agent/command-registry.js';
import { type CommandType } from '../agent/commands/command-type.js';
// Both are loaded when they are first used elsewhere. Jest refuses that between two tests, where a concurrent one may be.
import '../agent/http/get.js';
import '../agent/transport/http-transport.js';
import { connect, type Reach, type TransportConfig } from '../agent/connect.js';
import { takeDataDirectory } from '../agent/data-directory.js';
import type * as built from '../agent/lease-renewer.js';
import { noFaults } from '../shared/runtime/faults.js';
import { createLogger } from '../shared/runtime/logger.js';
import { type Deployment } from '../testing/deployment.js';
import { repositoryRoot } from '../testing/processes.js';

/** As it was built: its thread is a file beside it. */
// oxlint-disable-next-line typescript/no-require-imports
const { LeaseRenewer } = require(join(repositoryRoot, 'dist/agent/lease-renewer.js')) as typeof built;

export interface AgentHereOptions {
  /** `redis` when left out. */
  readonly transport?: 'redis' | 'http' | undefined;
  /** Default: the first directory below the deployment's that no live agent has. */
  readonly dataDir?: string | undefined;
  /** The agent's name; when left out, the data directory provides it. */
  readonly agentId?: string | undefined;
  readonly queue?: string | undefined;
  readonly concurrency?: number | undefined;
  /** The types that it executes beside the built-in ones. */
  readonly types?: readonly CommandType[] | undefined;
  /** The address of Redis: a proxy before that of the deployment, for example. */
  readonly redisUrl?: string | undefined;
  /** The deployment's lease, if a lease may end in the test: then the agent has a lease renewer, which renews its leases. */
  readonly leaseMs?: number | undefined;
}

/** Longer than any test. */
const endlessMs = 600_000;
const graceMs = 1000;

/**
 * Gives a deployment an agent that runs in the test's own process, for tests that need one to do the rest and do
 * nothing to it: to start a process costs a second of CPU. It ends with the deployment, if not earlier.
 *
 * Without a `leaseMs` it has no lease renewer, and the servers of its deployment must be given a lease that no test lives
 * to see the end of.
 */
export async function startAgentHere(deployment: Deployment, options: AgentHereOptions = {}): Promise<Agent> {
  const { transport: way = 'redis', queue = 'default', concurrency = 1, leaseMs = endlessMs } = options;
  const logger = createLogger({ side: 'agent', level: 'silent' });
  const builtIn = await loadCommands();
  const registry = new Map([...builtIn, ...(options.types ?? []).map((type) => [type.type, type] as const)]);
  const journal = await takeDataDirectory(options.dataDir ?? deployment.dataDir, options.agentId);
  const reach: Reach =
    way === 'redis'
      ? { transport: way, redisUrl: options.redisUrl ?? deployment.redis.url }
      : { transport: way, serverUrls: deployment.urls, pollIntervalMs: 200 };
  const types = [...registry.keys()];
  const about = { host: hostname(), pid: process.pid, version: 'test', queues: [queue], types, concurrency };
  const config: TransportConfig = { ...reach, agent: journal.identity, description: about, leaseMs };
  const onFatal = (reason: string) => {
    throw new Error(`an agent in the test's process cannot go on: ${reason}`);
  };
  const agent: Agent = new Agent({
    transport: connect(config, logger, noFaults),
    leaseRenewer:
      options.leaseMs === undefined ? noLeaseRenewer : leaseRenewerFor(() => agent, config, onFatal),
    ...{ journal, registry, concurrency, leaseMs, graceMs, longestPauseMs: 200 },
    ...{ faults: noFaults, onFatal, logger },
  });
  deployment.useAgent(agent);
  await agent.start();
  return agent;
}

const noLeaseRenewer = {
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  track: () => undefined,
  drop: () => undefined,
  flush: () => undefined,
};

/** Creates the lease renewer from the build. */
function leaseRenewerFor(agent: () => Agent, transport: TransportConfig, onOver: (why: string) => void) {
  const { leaseMs } = transport;
  return new LeaseRenewer({
    transport,
    ...{ leaseMs, maxBlockMs: 60_000, graceMs, mayKill: false, logger: { level: 'silent' } },
    onLost: (attempt, why) => agent().lose(attempt, why),
    onCancelled: (attempt) => agent().cancel(attempt),
    onDraining: () => void agent().drain(),
    onOver,
  });
}
