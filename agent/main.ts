import { sessionOf } from '../shared/lifecycle/registration.js';
import { namesOf } from '../shared/protocol/served-queues.js';
import { ConfigError } from '../shared/runtime/config.js';
import { type AgentPoint, Faults } from '../shared/runtime/faults.js';
import { outliveOutput, standardError } from '../shared/runtime/log-output.js';
import { createLogger } from '../shared/runtime/logger.js';
import { reportReady } from '../shared/runtime/parent.js';
import { isAborted } from '../shared/runtime/service.js';
import { stopOnSignals } from '../shared/runtime/shutdown.js';
import { resolveRedisUrl, resolveServerUrls } from '../shared/runtime/stack-file.js';
import { assembleAgent } from './assembly.js';
import { BadCommandModule } from './command-modules.js';
import { loadCommands } from './command-registry.js';
import { type AgentConfig, loadAgentConfig } from './config.js';
import { type Reach } from './connect.js';
import { DataDirectoryUnavailable, takeDataDirectory } from './data-directory.js';
import { HealthPort, HealthPortTaken } from './health-port.js';
import { NameTaken } from './name.js';

/** An error whose message is for the user, who can do something about it. */
function isForUser(error: unknown): error is Error {
  return [ConfigError, BadCommandModule, DataDirectoryUnavailable, HealthPortTaken, NameTaken].some(
    (kind) => error instanceof kind,
  );
}

function reachOf(config: AgentConfig): Reach {
  const { transport, pollIntervalMs, token, headers } = config;
  if (transport === 'redis') return { transport, redisUrl: resolveRedisUrl(config) };
  return {
    transport,
    serverUrls: resolveServerUrls(config),
    credentials: { token, headers },
    pollIntervalMs,
  };
}

async function main(config: AgentConfig): Promise<void> {
  const { leaseMs, graceMs, concurrency } = config;
  const registry = await loadCommands(config.commands);
  const journal = await takeDataDirectory(config.dataDir, config.agentId);
  const { identity } = journal;
  const logging = { side: 'agent', level: config.logLevel, pretty: config.logPretty } as const;
  const logger = createLogger(logging).child({ agentId: identity.agentId });
  const faults = new Faults<AgentPoint>(config, logger);
  const agent = assembleAgent({
    reach: reachOf(config),
    journal,
    registry,
    ...{ queues: config.queues, concurrency, leaseMs, graceMs, maxBlockMs: config.maxBlockMs },
    faults,
    logger,
    keeperLog: { logger: logging },
    mayKill: true,
    onFatal: (reason) => {
      logger.fatal(`${reason}; this process ends`);
      end(1);
    },
  });
  const stopping = new AbortController();
  const stop = () => {
    stopping.abort();
    return agent.stop();
  };
  const end = stopOnSignals(stop, graceMs + 2000, logger);
  // Before the agent, which waits for Redis for as long as it takes.
  if (config.healthPort !== undefined) await new HealthPort(config.healthPort, identity.agentId).start();
  await agent.start();
  // Stopped while it started: it will execute nothing.
  if (isAborted(stopping.signal)) return;
  const queues = namesOf(config.queues);
  const types = [...registry.keys()];
  logger.info({ session: sessionOf(identity), queues, types, concurrency }, 'ready');
  reportReady({ agentId: identity.agentId });
}

outliveOutput();
// The promise of `loadAgentConfig` too: a fault in the configuration is a message like any other.
Promise.resolve()
  .then(loadAgentConfig)
  .then(main)
  .catch((error: unknown) => {
    const text = isForUser(error)
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
    standardError.write(`${text}\n`);
    process.exit(1);
  });
