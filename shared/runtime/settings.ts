import { resolve } from 'node:path';
import { z } from 'zod';
import { boolean, choice, integer, setting } from './config.js';
import { readRedisUrl } from './redis-url.js';

/** `redis://[user[:password]@]host[:port][/db]`, the same with TLS (`rediss:`), or a unix socket. */
export const redisUrlSchema = z.string().superRefine((text, context) => {
  const reading = readRedisUrl(text);
  if ('fault' in reading) context.addIssue({ code: 'custom', message: reading.fault });
});

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** The settings that mean the same to every program. Names and defaults are contract (docs/reference/configuration.md). */
export const sharedSettings = {
  redisUrl: setting('REDIS_URL', redisUrlSchema.optional(), 'the Redis to use', { secret: true }),
  dataDir: setting(
    'DATA_DIR',
    z
      .string()
      .transform((path) => resolve(path))
      .prefault('./data'),
    "directory of Redis's files and the agents' journals",
  ),
  logLevel: setting('LOG_LEVEL', choice(logLevels).default('info'), 'least severe level to log'),
  logPretty: setting(
    'LOG_PRETTY',
    boolean().optional(),
    'readable logs instead of JSON lines; unset: on a terminal',
  ),
  leaseMs: setting(
    'LEASE_MS',
    integer(1000, 24 * 3600 * 1000).default(15_000),
    'how long an agent may be silent before it counts as lost',
  ),
  graceMs: setting(
    'GRACE_MS',
    integer(0, 24 * 3600 * 1000).default(10_000),
    'how long running work may take to finish when a program is stopped',
  ),
  maxBlockMs: setting(
    'MAX_BLOCK_MS',
    integer(1000, 24 * 3600 * 1000).default(60_000),
    'how long a command may block the event loop of its agent without losing the lease',
  ),
} as const;
