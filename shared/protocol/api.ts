import { z } from 'zod';
import {
  agentIdSchema,
  commandIdSchema,
  commandTypeSchema,
  commandViewSchema,
  limits,
  onAgentLostSchema,
  queueNameSchema,
  statusSchema,
} from './commands.js';
import { typeTimeoutSchema } from './command-types.js';
import { type ProblemCode, problems } from './errors.js';

const problemCodes = Object.keys(problems) as [ProblemCode, ...ProblemCode[]];

/** Body of every answer that is an error (RFC 9457), as `application/problem+json`. */
export const problemSchema = z.object({
  type: z.string().describe('A URI that stands for the code.'),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('For people: what is wrong, and what to do about it.'),
  code: z.enum(problemCodes),
  errors: z
    .array(z.object({ field: z.string(), message: z.string() }))
    .optional()
    .describe('Each fault with the field, query parameter or header that it is in.'),
  holder: z
    .object({
      instance: z.string().describe('A digest: it tells two apart, and nobody can act by it.'),
      session: z.string().optional().describe('Which run: a digest of its session.'),
      host: z.string(),
      pid: z.string(),
      lastSeen: z.iso.datetime(),
      leaseLeftMs: z.int(),
    })
    .optional()
    .describe('With agent_name_taken: the live agent that holds the name.'),
});
export type ProblemBody = z.infer<typeof problemSchema>;

/** A whole number in a query string. */
export const queryInteger = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z
    .string({ error })
    .regex(/^\d{1,15}$/, { error })
    .transform(Number)
    .pipe(z.int({ error }).min(min, { error }).max(max, { error }));
};

/** A parameter that was given twice is an array, which no schema below accepts. */
const once = 'must be given once';

/** Query of `GET /commands`. */
export const listQuerySchema = z.strictObject({
  status: statusSchema.optional(),
  type: commandTypeSchema.optional(),
  queue: queueNameSchema.optional(),
  limit: queryInteger(1, limits.listLimit).default(50).describe('Most commands of a page.'),
  cursor: z
    .string({ error: once })
    .max(300)
    .optional()
    .describe('The `nextCursor` of the page before, with the same `status`.'),
});
export type ListQuery = z.infer<typeof listQuerySchema>;

/** Query of `GET /commands/:id`. */
export const commandQuerySchema = z.strictObject({
  wait: queryInteger(0, limits.waitSeconds)
    .default(0)
    .describe('Seconds for which the answer may be held until the command has ended.'),
});

/** Query of `GET /events`. */
export const eventsQuerySchema = z.strictObject({
  commandId: z
    .guid({ error: 'must be the id of one command' })
    .transform((id) => id.toLowerCase())
    .optional()
    .describe('Only of this command.'),
});

/** Data of an event `transition` of `GET /events`: where a command is now. A hint, of which some may be missing. */
export const transitionEventSchema = z.object({
  commandId: z.string(),
  status: statusSchema,
  attempt: z.int(),
  progress: z
    .json()
    .describe('How far the attempt says that it is: the status has not changed. null: this is a step.'),
  at: z.iso
    .datetime()
    .describe(
      'When this server heard of it, by its own clock: for display. Times that count are in the command.',
    ),
});
export type TransitionEvent = z.infer<typeof transitionEventSchema>;

/** Why transitions may be missing from a stream. */
export const resyncReasons = {
  unknown_id: 'Last-Event-ID is not of this run of this server, or no longer kept',
  gap: 'the server was cut off from Redis',
  too_slow: 'the client did not read as fast as events came',
} as const;
export type ResyncReason = keyof typeof resyncReasons;
const resyncReasonNames = Object.keys(resyncReasons) as [ResyncReason, ...ResyncReason[]];

/** Data of an event `resync` of `GET /events`: transitions may be missing up to here, so read again. */
export const resyncEventSchema = z.object({ reason: z.enum(resyncReasonNames) });
export type ResyncEvent = z.infer<typeof resyncEventSchema>;

/** Response of `POST /commands`. */
export const submittedSchema = z.object({ commandId: commandIdSchema });
/** Response of `POST /commands/batch`: one id per command, in order. */
export const batchSubmittedSchema = z.object({ commandIds: z.array(commandIdSchema) });

/**
 * A command in a list: without what may be large. One page of 200 results of 1 MiB would be more
 * than either side wants to hold.
 */
export const commandSummarySchema = commandViewSchema.omit({ payload: true, result: true, history: true });
export type CommandSummary = z.infer<typeof commandSummarySchema>;

/** Response of `GET /commands`. A short page with a `nextCursor` means: go on. */
export const commandListSchema = z.object({
  commands: z.array(commandSummarySchema),
  nextCursor: z
    .string()
    .nullable()
    .describe('null: that was the last page. Else go on with it, however short this one is.'),
});
export type CommandListPage = z.infer<typeof commandListSchema>;

export const agentViewSchema = z.object({
  agentId: agentIdSchema,
  session: z
    .string()
    .nullable()
    .describe('Which run of its process: a digest of its session, which is a secret.'),
  instance: z.string().describe('Which data directory: a digest.'),
  state: z
    .enum(['live', 'lost'])
    .describe('`lost`: not heard of for its lease. One that stopped in good order is not listed.'),
  draining: z.boolean().describe('An operator wants it to take no more commands, until its next run.'),
  host: z.string(),
  pid: z.int().nullable(),
  version: z.string().nullable(),
  queues: z.array(z.string()),
  weights: z
    .record(z.string(), z.int())
    .nullable()
    .describe('By queue; null: it serves them strictly in their order.'),
  types: z.array(z.string()),
  concurrency: z.int().nullable(),
  running: z.int().describe('Entries in its hands: delivered to it and not acknowledged.'),
  leaseMs: z.int(),
  lastSeen: z.iso.datetime(),
});
export type AgentView = z.infer<typeof agentViewSchema>;
/** Response of `GET /agents`. */
export const agentListSchema = z.object({ agents: z.array(agentViewSchema) });

const jsonSchemaSchema = z.record(z.string(), z.unknown()).nullable();
/** One version of a command type, and who announces it. */
const typeVersionSchema = z.object({
  digest: z.string(),
  agents: z
    .array(agentIdSchema)
    .describe('Live ones; there may be none of the version that is built into the server.'),
  payload: jsonSchemaSchema,
  result: jsonSchemaSchema,
  onAgentLost: onAgentLostSchema.nullable(),
  defaultTimeoutMs: typeTimeoutSchema.nullable(),
  announcedAt: z.iso.datetime().nullable(),
});
export const typeConflictSchema = z.object({
  note: z.string().describe('For people: what is done about it meanwhile.'),
  versions: z.array(typeVersionSchema).describe('Two at least, the one that was announced last first.'),
});
export const typeViewSchema = z.object({
  type: z.string(),
  source: z.enum(['built-in', 'announced']),
  payload: jsonSchemaSchema,
  result: jsonSchemaSchema,
  onAgentLost: onAgentLostSchema.nullable(),
  defaultTimeoutMs: typeTimeoutSchema
    .nullable()
    .describe('Of a submission without `timeoutMs`; null: only its agents know.'),
  announcedAt: z.iso.datetime().nullable(),
  fault: z
    .string()
    .nullable()
    .describe('Why submissions of this type are refused: what was announced cannot be used.'),
  conflict: typeConflictSchema
    .nullable()
    .describe('Live agents mean different things by this name; null: they do not.'),
});
export type TypeView = z.infer<typeof typeViewSchema>;
/** Response of `GET /types`. */
export const typeListSchema = z.object({ types: z.array(typeViewSchema) });

export const queueViewSchema = z.object({
  queue: z.string(),
  length: z.int().describe('Entries on the stream: waiting and in flight.'),
  pending: z.int().describe('Delivered to an agent and not acknowledged.'),
  oldestWaitingMs: z
    .int()
    .nullable()
    .describe('How long the oldest entry that nobody was given has been on the stream.'),
  consumers: z.int().describe('Agents that read from it and are live, or have something of it in hand.'),
  paused: z.boolean().describe('Nothing is started from it until it is resumed.'),
  pausedAt: z.iso.datetime().nullable().describe('Since when.'),
});
export type QueueView = z.infer<typeof queueViewSchema>;
/** Response of `POST /queues/:name/pause` and `/resume`: one; of `GET /queues`: a page, by name. */
export const queueListSchema = z.object({
  queues: z.array(queueViewSchema),
  nextCursor: z.string().nullable().describe('Pass it as `cursor` to go on; null: these were the last.'),
});

/** Query of `GET /queues`. */
export const queuesQuerySchema = z.strictObject({
  limit: queryInteger(1, limits.queueListLimit)
    .default(limits.queueListLimit)
    .describe('Most queues of a page.'),
  cursor: queueNameSchema.optional().describe('The `nextCursor` of the page before.'),
});

/** RUNNING commands that a starting server found. Their leases live in Redis: its restart changed nothing for them. */
export const leftoversSchema = z.object({
  found: z.int(),
  leasesAlive: z.int().describe('Renewed within the lease: their agents are at work.'),
  leasesRunOut: z.int().describe('Not renewed for longer than the lease: recovery will deal with them.'),
  commandIds: z.array(commandIdSchema).describe('The first 20.'),
});
export type Leftovers = z.infer<typeof leftoversSchema>;

/** Response of `GET /stats`. */
export const statsSchema = z.object({
  counts: z.object({ PENDING: z.int(), RUNNING: z.int(), COMPLETED: z.int(), FAILED: z.int() }),
  scheduled: z.int().describe('PENDING with a `runAt` to come.'),
  pendingEntries: z.int().describe('Delivered to an agent and not acknowledged.'),
  oldestWaitingMs: z.int().nullable(),
  deadEntries: z.int().describe('Entries that could not be understood and were put aside.'),
  /** The state of finding lost agents. */
  recovery: z.object({
    holdOffs: z
      .int()
      .describe('How often Redis was away, stopped, or its clock jumped; a healthy system never holds off.'),
    holdUntil: z.iso
      .datetime()
      .nullable()
      .describe(
        'Until then nobody is declared lost, so that live agents renew first; null when nothing is held off.',
      ),
  }),
  /** The state of deleting what ended long enough ago. */
  retention: z.object({
    pruned: z.int().describe('Commands that were pruned since the beginning.'),
    lastPrunedAt: z.iso.datetime().nullable(),
    behindMs: z
      .int()
      .describe(
        'By how much what was pruned last was overdue: a second at most, unless there is much to prune.',
      ),
  }),
  leftoverRunning: leftoversSchema
    .nullable()
    .describe('null until the server has looked, right after its start.'),
});
export type Stats = z.infer<typeof statsSchema>;

/** Response of `GET /health`: this process answers. The state of Redis does not enter into it. */
export const healthSchema = z.object({ status: z.literal('ok') });

/** Response of `GET /ready`, when the server can take commands. */
export const readinessSchema = z.object({
  status: z.literal('ready'),
  durability: z
    .object({ ok: z.boolean(), reasons: z.array(z.string()) })
    .describe('Whether Redis runs in a way that the guarantees hold with; if not, why.'),
  limits: z
    .array(z.string())
    .default([])
    .describe('What works less well because the Redis user may not do it, for example events.'),
});

/** Response of `GET /`. */
export const indexSchema = z.object({
  name: z.string(),
  version: z.string(),
  endpoints: z.record(z.string(), z.string()).describe('What each does, by method and path.'),
});
