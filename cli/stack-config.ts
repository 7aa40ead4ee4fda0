import { z } from 'zod';
import { agentIdSchema } from '../shared/protocol/commands.js';
import { integer, loadConfig, partArguments, setting, type Config } from '../shared/runtime/config.js';
import { sharedSettings } from '../shared/runtime/settings.js';
import { startedWithFlags } from '../shared/runtime/started-as.js';

/** A setting that the server reads and validates; it is here so that a flag of `npm start` reaches the server. */
const forServer = (variable: string, what: string) =>
  setting(variable, z.string().optional(), `passed to the server: ${what}`);

/** The settings of `npm start`. Names and defaults are contract (docs/reference/configuration.md). */
export const stackSettings = {
  ...sharedSettings,
  redisUrl: setting(
    'REDIS_URL',
    sharedSettings.redisUrl.schema,
    'the Redis to use; unset: npm start runs one of its own',
    { secret: true },
  ),
  redisPort: setting(
    'REDIS_PORT',
    integer(1, 65_535).optional(),
    'port of its own Redis: 6379 if unset, or the next free one',
  ),
  port: setting('PORT', integer(1, 65_535).default(3000), 'port of the server'),
  host: setting('HOST', z.string().default('127.0.0.1'), 'address that the server listens on'),
  agents: setting('AGENTS', integer(0, 1000).default(2), 'number of agents to run'),
  agentId: setting(
    'AGENT_ID',
    agentIdSchema.optional(),
    'name of the agent; with several agents, followed by -1, -2 …',
  ),
  workers: forServer('SERVER_WORKERS', 'number of processes'),
  maxBacklog: forServer('MAX_BACKLOG', 'maximum number of waiting commands'),
  maxQueues: forServer('MAX_QUEUES', 'maximum number of queues in use'),
  keepAliveMs: forServer('KEEP_ALIVE_MS', 'how long an idle connection stays open'),
  maxConnections: forServer('MAX_CONNECTIONS', 'maximum number of connections at once'),
  maxConnectionsPerPeer: forServer(
    'MAX_CONNECTIONS_PER_PEER',
    'maximum number of connections at once from one address',
  ),
  maxHeld: forServer('MAX_HELD', 'maximum number of answers held at once'),
  maxHeldPerPeer: forServer('MAX_HELD_PER_PEER', 'maximum number of answers held at once for one address'),
  retentionMs: forServer('RETENTION_MS', 'how long a command is kept after it ended'),
  retentionMax: forServer('RETENTION_MAX', 'maximum number of ended commands that are kept'),
} as const;

export type StackConfig = Config<typeof stackSettings>;

/**
 * Reads the configuration of `npm start`. Unknown flags are passed to the agents, which validate them;
 * one that looks like a misspelling of a known flag is an error.
 *
 * @throws ConfigError
 */
export function loadStackConfig(argv: readonly string[]): {
  readonly config: StackConfig;
  readonly agentFlags: readonly string[];
} {
  const { own, foreign } = partArguments(stackSettings, argv);
  const config = loadConfig(startedWithFlags('start'), stackSettings, { argv: own });
  return { config, agentFlags: foreign };
}

/** `HOST` and `PORT` as a URL for a client on this machine. */
export function serverUrlOf({ host, port }: Pick<StackConfig, 'host' | 'port'>): string {
  if (host === '0.0.0.0') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return host.includes(':') ? `http://[${host}]:${port}` : `http://${host}:${port}`;
}

/** The environment of the server and the agents: all that we inherited, with the settings as we resolved them. */
export function childEnvironment(config: StackConfig, redisUrl: string, pretty: boolean): NodeJS.ProcessEnv {
  const resolved = {
    REDIS_URL: redisUrl,
    SERVER_URL: serverUrlOf(config),
    DATA_DIR: config.dataDir,
    HOST: config.host,
    PORT: config.port,
    LOG_LEVEL: config.logLevel,
    LOG_PRETTY: pretty,
    LEASE_MS: config.leaseMs,
    GRACE_MS: config.graceMs,
    MAX_BLOCK_MS: config.maxBlockMs,
    SERVER_WORKERS: config.workers,
    MAX_BACKLOG: config.maxBacklog,
    MAX_QUEUES: config.maxQueues,
    KEEP_ALIVE_MS: config.keepAliveMs,
    MAX_CONNECTIONS: config.maxConnections,
    MAX_CONNECTIONS_PER_PEER: config.maxConnectionsPerPeer,
    MAX_HELD: config.maxHeld,
    MAX_HELD_PER_PEER: config.maxHeldPerPeer,
    RETENTION_MS: config.retentionMs,
    RETENTION_MAX: config.retentionMax,
  };
  const set = Object.entries(resolved).filter(([, value]) => value !== undefined);
  // The files that these variables name were read here, and a variable and its file may not both be set.
  const read = { REDIS_URL_FILE: '', SERVER_URL_FILE: '' };
  return {
    ...process.env,
    ...read,
    ...Object.fromEntries(set.map(([name, value]) => [name, String(value)])),
  };
}
