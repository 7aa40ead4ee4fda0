import { z } from 'zod';
import { type Config, integer, setting } from '../../shared/runtime/config.js';
import { redisUrlSchema, sharedSettings } from '../../shared/runtime/settings.js';
import { servedQueuesSchema } from '../../shared/protocol/served-queues.js';
import { durationSchema } from '../options.js';

const { leaseMs } = sharedSettings;
const share = (usually: number) => integer(0, 100).default(usually);
const seed = setting('CHAOS_SEED', integer(0, 2 ** 31 - 1).optional(), 'decides which fault comes when');

/** Settings of the service `chaos`. */
export const chaosServiceSettings = {
  seed,
  everyMs: setting('CHAOS_EVERY_MS', integer(100).default(2500), 'between two faults, on average'),
  kill: setting('CHAOS_KILL', share(3), 'share of kills by SIGKILL among the faults'),
  restart: setting('CHAOS_RESTART', share(2), 'share of restarts in good order'),
  pause: setting('CHAOS_PAUSE', share(3), 'share of pauses'),
  cut: setting('CHAOS_CUT', share(3), 'share of disconnections from the network'),
  agents: setting('CHAOS_AGENTS', share(6), 'share of agents among what is hit'),
  servers: setting('CHAOS_SERVERS', share(2), 'share of servers'),
  redis: setting('CHAOS_REDIS', share(1), 'share of Redis'),
  loadUrl: setting(
    'LOAD_URL',
    z.url().optional(),
    'whom to tell; unset: nobody, and it goes on until stopped',
  ),
  socket: setting('DOCKER_SOCKET', z.string().default('/var/run/docker.sock'), "the engine's API"),
  leaseMs,
} as const;
export type ChaosServiceConfig = Config<typeof chaosServiceSettings>;

/** Settings of the service `load`. */
export const loadServiceSettings = {
  seed,
  durationSeconds: setting('LOAD_DURATION', durationSchema.prefault('5m'), 'of the run: 90, 90s, 5m'),
  clients: setting(
    'LOAD_CLIENTS',
    integer(1, 500).default(48),
    'clients, each with one submission at a time',
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
    'queues that the agents serve, with commas between, as theirs',
  ),
  commands: setting(
    'AGENT_COMMANDS',
    z.string().optional(),
    'as the agents have it: if set, the load has commands of the type in chaos/commands, too',
  ),
  concurrency: setting('AGENT_CONCURRENCY', integer(1).default(1), 'that of the agents, for the report'),
  serverUrl: setting('SERVER_URL', z.url().default('http://server:3000'), 'where commands go'),
  redisUrl: setting('REDIS_URL', redisUrlSchema.default('redis://redis:6379'), 'the Redis that is judged'),
  redisDirectory: setting('REDIS_DIRECTORY', z.string().default('/redis'), "Redis's files, to be read"),
  ledgerName: setting('LEDGER_NAME', z.string().default('load'), 'by which agents reach this container'),
  reports: setting('REPORTS', z.string().optional(), 'a folder for the report as a page and as JSON'),
  leaseMs,
  retentionMs: setting(
    'RETENTION_MS',
    integer(0, Number.MAX_SAFE_INTEGER).default(24 * 3600 * 1000),
    'that of the server, for the judge',
  ),
} as const;
export type LoadServiceConfig = Config<typeof loadServiceSettings>;
