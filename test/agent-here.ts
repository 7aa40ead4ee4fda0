import { hostname } from 'node:os';
import { Agent } from '../agent/agent.js';
import { loadCommands } from '../agent/command-registry.js';
import { connect, type Reach } from '../agent/connect.js';
import { takeDataDirectory } from '../agent/data-directory.js';
import { noFaults } from '../shared/runtime/faults.js';
import { createLogger } from '../shared/runtime/logger.js';
import { type Deployment } from '../shared/testing/deployment.js';

export interface AgentHereOptions {
  /** `redis` when left out. */
  readonly transport?: 'redis' | 'http' | undefined;
  /** That of the deployment when left out: the first directory there that no live agent has. */
  readonly dataDir?: string | undefined;
  /** Its name; kept in its data directory when left out. */
  readonly agentId?: string | undefined;
  readonly queue?: string | undefined;
  readonly concurrency?: number | undefined;
}

/** Longer than any test: there is no keeper to renew a lease. */
const leaseMs = 600_000;

const noKeeper = {
  start: () => Promise.resolve(),
  stop: () => Promise.resolve(),
  hold: () => undefined,
  drop: () => undefined,
  tell: () => undefined,
};

/**
 * Gives a deployment an agent that runs in the test's own process, for tests that need one to do the rest and do
 * nothing to it: to start a process costs a second of CPU. It has no keeper, so the servers of its deployment
 * must be given a lease that no test lives to see the end of. It ends with the deployment.
 */
export async function startAgentHere(deployment: Deployment, options: AgentHereOptions = {}): Promise<Agent> {
  const { transport = 'redis', queue = 'default', concurrency = 1 } = options;
  const logger = createLogger({ side: 'agent', level: 'silent' });
  const registry = await loadCommands();
  const journal = await takeDataDirectory(options.dataDir ?? deployment.dataDir, options.agentId);
  const reach: Reach =
    transport === 'redis'
      ? { transport, redisUrl: deployment.redis.url }
      : { transport, serverUrls: deployment.urls, pollIntervalMs: 200 };
  const types = [...registry.keys()];
  const about = { host: hostname(), pid: process.pid, version: 'test', queues: [queue], types, concurrency };
  const agent = new Agent({
    transport: connect({ ...reach, agent: journal.identity, description: about, leaseMs }, logger, noFaults),
    ...{ journal, registry, keeper: noKeeper, concurrency, leaseMs },
    ...{ graceMs: 1000, longestPauseMs: 200 },
    faults: noFaults,
    onFatal: (reason) => {
      throw new Error(`an agent in the test's process cannot go on: ${reason}`);
    },
    logger,
  });
  deployment.useAgent(agent);
  await agent.start();
  return agent;
}
