import { z } from 'zod';
import { type Config, integer, setting } from '../../shared/runtime/config.js';
import { redisUrlSchema, sharedSettings } from '../../shared/runtime/settings.js';
import { servedQueuesSchema } from '../../shared/protocol/served-queues.js';
import { durationSchema } from '../options.js';

const { leaseMs } = sharedSettings;
const share = (usually: number) => integer(0, 100).default(usually);
const seed = setting(
  'CHAOS_SEED',
  integer(0, 2 ** 31 - 1).optional(),
  'determines which fault is injected when',
);

/** Settings of the service `chaos`. */
export const chaosServiceSettings = {
  seed,
  intervalMs: setting('CHAOS_INTERVAL_MS', integer(100).default(2500), 'mean time between two faults'),
  kill: setting('CHAOS_KILL', share(3), 'share of kills by SIGKILL among the faults'),
  restart: setting('CHAOS_RESTART', share(2), 'share of graceful restarts'),
  pause: setting('CHAOS_PAUSE', share(3), 'share of pauses'),
  disconnect: setting('CHAOS_DISCONNECT', share(3), 'share of disconnections from the network'),
  agents: setting('CHAOS_AGENTS', share(6), 'share of agents among the targets'),
  servers: setting('CHAOS_SERVERS', share(2), 'share of servers among the targets'),
  redis: setting('CHAOS_REDIS', share(1), 'share of Redis among the targets'),
  loadUrl: setting(
    'LOAD_URL',
    z.url().optional(),
    'the load service to report to; unset: report to none, and go on until stopped',
  ),
  socket: setting('DOCKER_SOCKET', z.string().default('/var/run/docker.sock'), "the engine's API"),
  leaseMs,
} as const;
export type ChaosServiceConfig = Config<typeof chaosServiceSettings>;

/** Settings of the service `load`. */
export const loadServiceSettings = {
  seed,
  durationSeconds: setting(
    'LOAD_DURATION',
    durationSchema.prefault('5m'),
    'duration of the run: 90, 90s, 5m',
  ),
  clients: setting(
    'LOAD_CLIENTS',
    integer(1, 500).default(48),
    'number of clients, each with one submission at a time',
  ),
  queues: setting(
    'AGENT_QUEUES',
    z
      .string()
      .prefault('default')
      .transform((text) => text.split(',').map((part) => part.trim()))
      .pipe(servedQueuesSchema)
      .transform(({ queues }) => queues)
      .pipe(z.tuple([z.string()], z.string())),
    'queues that the agents serve, separated by commas, as in their setting',
  ),
  commands: setting(
    'AGENT_COMMANDS',
    z.string().optional(),
    'the setting of the agents: if set, the load includes commands of the type in chaos/commands',
  ),
  concurrency: setting(
    'AGENT_CONCURRENCY',
    integer(1).default(1),
    'the setting of the agents, for the report',
  ),
  serverUrl: setting('SERVER_URL', z.url().default('http://server:3000'), 'the server to submit commands to'),
  redisUrl: setting(
    'REDIS_URL',
    redisUrlSchema.default('redis://redis:6379'),
    'the Redis whose history is checked',
  ),
  redisDirectory: setting(
    'REDIS_DIRECTORY',
    z.string().default('/redis'),
    "directory of Redis's files, which are only read",
  ),
  ledgerName: setting(
    'LEDGER_NAME',
    z.string().default('load'),
    'host name by which agents reach this container',
  ),
  reports: setting('REPORTS', z.string().optional(), 'folder for the report as a page and as JSON'),
  leaseMs,
  retentionMs: setting(
    'RETENTION_MS',
    integer(0, Number.MAX_SAFE_INTEGER).default(24 * 3600 * 1000),
    'the setting of the server, for the history checker',
  ),
} as const;
export type LoadServiceConfig = Config<typeof loadServiceSettings>;
