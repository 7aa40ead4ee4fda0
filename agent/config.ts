import { z } from 'zod';
import { accessSettings, checkAccess } from '../shared/client/access-settings.js';
import { mostHeld } from '../shared/protocol/bounds.js';
import { agentIdSchema, defaults } from '../shared/protocol/commands.js';
import { servedQueuesSchema } from '../shared/protocol/served-queues.js';
import { choice, type Config, integer, loadConfig, setting } from '../shared/runtime/config.js';
import { agentFaultSettings, checkFaultPlan } from '../shared/runtime/faults.js';
import { sharedSettings } from '../shared/runtime/settings.js';
import { startedWithFlags } from '../shared/runtime/started-as.js';

/** `a, b` as ['a', 'b']. */
const partsSchema = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .transform((parts) => parts.filter((part) => part !== ''));
const listOf = (item: z.ZodType<string, string>) => partsSchema.pipe(z.array(item));

export const agentSettings = {
  ...sharedSettings,
  ...agentFaultSettings,
  agentId: setting('AGENT_ID', agentIdSchema.optional(), 'name of the agent; kept in its data directory'),
  concurrency: setting(
    'AGENT_CONCURRENCY',
    integer(1, 1000).default(1),
    'maximum number of commands that the agent executes at once',
  ),
  queues: setting(
    'AGENT_QUEUES',
    partsSchema
      .pipe(servedQueuesSchema)
      .refine(({ queues }) => queues.length > 0, { error: 'names no queue' })
      .prefault(defaults.queue),
    'queues that the agent serves: most important first (a,b), or by weight so that none starves (a:6,b:3)',
  ),
  transport: setting(
    'AGENT_TRANSPORT',
    choice(['redis', 'http']).default('redis'),
    'how the agent reaches Fencepost; http needs no Redis on this machine',
  ),
  ...accessSettings,
  pollIntervalMs: setting(
    'POLL_INTERVAL',
    integer(1, 3600 * 1000).default(2000),
    'with AGENT_TRANSPORT=http: maximum pause in ms after a poll that failed, or that was not held',
  ),
  commands: setting(
    'AGENT_COMMANDS',
    listOf(z.string()).prefault(''),
    'modules with more command types, separated by commas',
    { alias: '--commands' },
  ),
  healthPort: setting(
    'HEALTH_PORT',
    integer(1, 65_535).optional(),
    'port on loopback that answers health checks while the event loop of the agent runs',
  ),
} as const;

/** Over HTTP the list of what it holds must fit the head of a request. */
const mostOverHttp = mostHeld / 2;

export function checkTransport({
  transport,
  concurrency,
}: Pick<AgentConfig, 'transport' | 'concurrency'>): string[] {
  if (transport !== 'http' || concurrency <= mostOverHttp) return [];
  return [
    `AGENT_CONCURRENCY: must be at most ${mostOverHttp} with AGENT_TRANSPORT=http, but is ${concurrency}`,
  ];
}

export type AgentConfig = Config<typeof agentSettings>;

/** @throws ConfigError with every fault */
export const loadAgentConfig = (): AgentConfig =>
  loadConfig(startedWithFlags('agent'), agentSettings, {
    check: (config) => [...checkFaultPlan(config), ...checkTransport(config), ...checkAccess(config)],
  });
