import { type Config, integer, loadConfig, setting } from '../shared/runtime/config.js';
import { checkFaultPlan, serverFaultSettings } from '../shared/runtime/faults.js';
import { sharedSettings } from '../shared/runtime/settings.js';
import { startedWithFlags } from '../shared/runtime/started-as.js';
import { z } from 'zod';
import { usualKeepAliveMs } from './http/http-server.js';

const { redisUrl, dataDir, logLevel, logPretty, leaseMs, graceMs } = sharedSettings;

/** Ten years: it is no timer, so it may be longer than one. */
const longestRetentionMs = 10 * 365 * 24 * 3600 * 1000;

/** The settings of a server. Names and defaults are contract (docs/reference/configuration.md). */
export const serverSettings = {
  port: setting(
    'PORT',
    integer(0, 65_535).default(3000),
    'port that the server listens on; 0: any free port',
  ),
  host: setting('HOST', z.string().min(1).default('127.0.0.1'), 'address that the server listens on'),
  workers: setting(
    'SERVER_WORKERS',
    integer(1, 256).default(1),
    'number of processes that share the port: one for each core to use',
  ),
  allowedHosts: setting(
    'ALLOWED_HOSTS',
    z
      .string()
      .transform((text) => text.split(',').map((part) => part.trim()))
      .pipe(z.array(z.string().min(1, { error: 'must be names with commas between' })))
      .optional(),
    'names accepted in the header Host besides those of loopback; unset: none on loopback, any elsewhere',
  ),
  keepAliveMs: setting(
    'KEEP_ALIVE_MS',
    integer(1000, 24 * 3600 * 1000).default(usualKeepAliveMs),
    'how long an idle connection stays open; must exceed the idle time of a proxy in front',
  ),
  maxConnections: setting(
    'MAX_CONNECTIONS',
    integer(1).default(20_000),
    'maximum number of connections at once, of all workers; further ones are answered 503 and closed',
  ),
  maxConnectionsPerPeer: setting(
    'MAX_CONNECTIONS_PER_PEER',
    integer(1).default(10_000),
    'maximum number of connections at once from one address',
  ),
  maxHeld: setting(
    'MAX_HELD',
    integer(1).default(20_000),
    'maximum number of answers held at once: ?wait=, polls of agents, /events; further ones are 503',
  ),
  maxHeldPerPeer: setting(
    'MAX_HELD_PER_PEER',
    integer(1).default(10_000),
    'maximum number of answers held at once for one address',
  ),
  maxBacklog: setting(
    'MAX_BACKLOG',
    integer(1).default(1_000_000),
    'maximum number of PENDING commands; further ones are refused with 503',
  ),
  maxQueues: setting(
    'MAX_QUEUES',
    integer(1, 10_000).default(1000),
    'maximum number of queues in use; a submission or a pause that names a further one is refused with 409',
  ),
  retentionMs: setting(
    'RETENTION_MS',
    integer(0, longestRetentionMs).default(24 * 3600 * 1000),
    'how long a command is kept after it ended; at least 10 s, whatever is set',
  ),
  retentionMax: setting(
    'RETENTION_MAX',
    integer(0).default(1_000_000),
    'maximum number of ended commands that are kept; those that ended within the last minute do not count',
  ),
  ...serverFaultSettings,
  redisUrl,
  dataDir,
  leaseMs,
  graceMs,
  logLevel,
  logPretty,
} as const;

export type ServerConfig = Config<typeof serverSettings>;

/** @throws ConfigError with every fault */
export const loadServerConfig = (): ServerConfig =>
  loadConfig(startedWithFlags('server'), serverSettings, { check: checkFaultPlan });
