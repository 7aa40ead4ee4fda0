import { z } from 'zod';
import { agentIdSchema, defaults, queueNameSchema } from '../shared/protocol/commands.js';
import { type Config, integer, loadConfig, setting } from '../shared/runtime/config.js';
import { agentFaultSettings, checkFaultPlan } from '../shared/runtime/faults.js';
import { sharedSettings } from '../shared/runtime/settings.js';

/** `a, b` as ['a', 'b']. */
const listOf = (item: z.ZodType<string, string>) =>
  z
    .string()
    .transform((text) => text.split(',').map((part) => part.trim()))
    .transform((parts) => parts.filter((part) => part !== ''))
    .pipe(z.array(item));

export const agentSettings = {
  ...sharedSettings,
  ...agentFaultSettings,
  agentId: setting('AGENT_ID', agentIdSchema.optional(), 'its name; kept in its data directory'),
  concurrency: setting(
    'AGENT_CONCURRENCY',
    integer(1, 1000).default(1),
    'most commands that it executes at once',
  ),
  queues: setting(
    'AGENT_QUEUES',
    listOf(queueNameSchema)
      .refine((queues) => queues.length > 0, { error: 'names no queue' })
      .refine((queues) => new Set(queues).size === queues.length, { error: 'names a queue twice' })
      .prefault(defaults.queue),
    'queues that it serves, most important first, with commas between',
  ),
  commands: setting(
    'AGENT_COMMANDS',
    listOf(z.string()).prefault(''),
    'modules with more command types, with commas between',
  ),
} as const;

export type AgentConfig = Config<typeof agentSettings>;

/** @throws ConfigError with every fault */
export const loadAgentConfig = (): AgentConfig =>
  loadConfig('npm run agent --', agentSettings, { check: checkFaultPlan });
