import { namesOf } from '../shared/protocol/served-queues.js';
import { shownAs } from '../shared/protocol/sessions.js';
import { ConfigError } from '../shared/runtime/config.js';
import { type AgentPoint, Faults } from '../shared/runtime/faults.js';
import { outliveOutput, standardError } from '../shared/runtime/log-output.js';
import { createLogger, type Logger } from '../shared/runtime/logger.js';
import { reportReady } from '../shared/runtime/parent.js';
import { isAborted } from '../shared/runtime/service.js';
import { stopOnSignals } from '../shared/runtime/shutdown.js';
import { messageOf, stackOf } from '../shared/runtime/thrown.js';
import { resolveRedisUrl, resolveServerUrls } from '../shared/runtime/stack-file.js';
import { SchemaVersionError } from '../shared/store/meta.js';
import { UnusableRedisError } from '../shared/store/unusable-redis.js';
import { assembleAgent } from './assembly.js';
import { InvalidCommandModuleError, type LoadPatience } from './command-modules.js';
import { loadCommands } from './command-registry.js';
import { type AgentConfig, loadAgentConfig } from './config.js';
import { type Reach } from './connect.js';
import { DataDirectoryUnavailableError, takeDataDirectory } from './data-directory.js';
import { HealthPort, HealthPortTaken } from './health-port.js';
import { AgentIdTakenError } from './agent-registration.js';
import { endOnUnhandledErrors } from './unhandled-errors.js';

/** An error whose message is for the user, who can do something about it. */
function isForUser(error: unknown): error is Error {
  return [
    ...[
      ConfigError,
      InvalidCommandModuleError,
      DataDirectoryUnavailableError,
      HealthPortTaken,
      AgentIdTakenError,
    ],
    ...[UnusableRedisError, SchemaVersionError],
  ].some((kind) => error instanceof kind);
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

/** A module whose top-level `await` never settles would else hang its agent, or end it, without a word. */
const patienceWith = (logger: () => Logger): LoadPatience => ({
  onWaiting: (module) =>
    logger().warn({ module }, 'still waiting for this module to load: a top-level await?'),
  onNeverLoaded: (module) => {
    logger().fatal(
      { module },
      'this module waits for what never comes: nothing is left that could settle it',
    );
    process.exit(1);
  },
});

async function main(config: AgentConfig): Promise<void> {
  const { leaseMs, graceMs, concurrency } = config;
  const logging = { side: 'agent', level: config.logLevel, pretty: config.logPretty } as const;
  let logger = createLogger(logging);
  let end: (exitCode: number) => void = (exitCode) => process.exit(exitCode);
  endOnUnhandledErrors({ logger: () => logger, end: (exitCode) => end(exitCode) });
  const registry = await loadCommands(
    config.commands,
    patienceWith(() => logger),
  );
  const journal = await takeDataDirectory(config.dataDir, config.agentId);
  const { identity } = journal;
  logger = logger.child({ agentId: identity.agentId });
  for (const warning of journal.warnings) logger.warn(warning);
  const faults = new Faults<AgentPoint>(config, logger);
  const agent = assembleAgent({
    reach: reachOf(config),
    journal,
    registry,
    ...{ queues: config.queues, concurrency, leaseMs, graceMs, maxBlockMs: config.maxBlockMs },
    faults,
    logger,
    leaseRenewerLog: { logger: logging },
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
  end = stopOnSignals(stop, graceMs + 4000, logger);
  // Before the agent, which waits for Redis for as long as it takes.
  if (config.healthPort !== undefined) await new HealthPort(config.healthPort, identity.agentId).start();
  await agent.start();
  // Stopped while it started: it will execute nothing.
  if (isAborted(stopping.signal)) return;
  const queues = namesOf(config.queues);
  const types = [...registry.keys()];
  logger.info({ session: shownAs(identity.session), queues, types, concurrency }, 'ready');
  reportReady({ agentId: identity.agentId });
}

outliveOutput();
// The promise of `loadAgentConfig` too: a fault in the configuration is a message like any other.
Promise.resolve()
  .then(loadAgentConfig)
  .then(main)
  .catch((error: unknown) => {
    const text = isForUser(error) ? error.message : (stackOf(error) ?? messageOf(error));
    standardError.write(`${text}\n`);
    process.exit(1);
  });
