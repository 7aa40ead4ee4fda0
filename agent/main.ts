import { hostname } from 'node:os';
import { sessionOf } from '../shared/lifecycle/transitions.js';
import { ConfigError } from '../shared/runtime/config.js';
import { createLogger } from '../shared/runtime/logger.js';
import { reportReady } from '../shared/runtime/parent.js';
import { stopOnSignals } from '../shared/runtime/shutdown.js';
import { resolveRedisUrl } from '../shared/runtime/stack-file.js';
import { version } from '../shared/runtime/version.js';
import { RedisTransport } from '../shared/transport/redis-transport.js';
import { Agent, NameTaken } from './agent.js';
import { BadCommandModule, loadCommands } from './command-registry.js';
import { type AgentConfig, loadAgentConfig } from './config.js';
import { DataDirectoryUnavailable, takeDataDirectory } from './data-directory.js';

/** An error whose message is for the user, who can do something about it. */
function isForUser(error: unknown): error is Error {
  return [ConfigError, BadCommandModule, DataDirectoryUnavailable, NameTaken].some(
    (kind) => error instanceof kind,
  );
}

async function main(config: AgentConfig): Promise<void> {
  const registry = await loadCommands(config.commands);
  const journal = await takeDataDirectory(config.dataDir, config.agentId);
  const { identity } = journal;
  const logger = createLogger({ side: 'agent', level: config.logLevel, pretty: config.logPretty }).child({
    agentId: identity.agentId,
  });
  const transport = new RedisTransport({
    redisUrl: resolveRedisUrl(config),
    agent: identity,
    description: {
      host: hostname(),
      pid: process.pid,
      version,
      queues: config.queues,
      types: [...registry.keys()],
      concurrency: config.concurrency,
    },
    leaseMs: config.leaseMs,
    logger,
  });
  const agent = new Agent({
    transport,
    journal,
    registry,
    concurrency: config.concurrency,
    leaseMs: config.leaseMs,
    graceMs: config.graceMs,
    onFatal: (reason) => {
      logger.fatal(`${reason}; this process ends`);
      end(1);
    },
    logger,
  });
  const end = stopOnSignals(() => agent.stop(), config.graceMs + 2000, logger);
  await agent.start();
  logger.info(
    {
      session: sessionOf(identity),
      queues: config.queues,
      types: [...registry.keys()],
      concurrency: config.concurrency,
    },
    'ready',
  );
  reportReady({ agentId: identity.agentId });
}

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
    process.stderr.write(`${text}\n`);
    process.exit(1);
  });
