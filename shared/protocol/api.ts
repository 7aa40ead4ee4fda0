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
  type: z.string().describe('A URI that identifies the code.'),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('For people: the problem, and how to fix it.'),
  code: z.enum(problemCodes),
  errors: z
    .array(z.object({ field: z.string(), message: z.string() }))
    .optional()
    .describe('Each error, with the field, query parameter or header that it is in.'),
  holder: z
    .object({
      instance: z
        .string()
        .describe('Digest of the instance: it distinguishes instances, and grants no access.'),
      session: z.string().optional().describe('Digest of the session.'),
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
  limit: queryInteger(1, limits.listLimit).default(50).describe('Maximum number of commands in a page.'),
  cursor: z
    .string({ error: once })
    .max(300)
    .optional()
    .describe('The `nextCursor` of the previous page, requested with the same `status`.'),
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
    .describe('Only transitions of this command.'),
});

/** Data of an event `transition` of `GET /events`: where a command is now. A hint, of which some may be missing. */
export const transitionEventSchema = z.object({
  commandId: z.string(),
  status: statusSchema,
  attempt: z.int(),
  progress: z
    .json()
    .describe(
      'Progress that the attempt reported; the status has not changed. null: the event is a change of status.',
    ),
  at: z.iso
    .datetime()
    .describe(
      'When this server received the event, by its own clock: for display. Authoritative times are in the command.',
    ),
});
export type TransitionEvent = z.infer<typeof transitionEventSchema>;

/** Why transitions may be missing from a stream. */
export const resyncReasons = {
  unknown_id: 'Last-Event-ID was not given by this run of this server, or is no longer kept',
  gap: 'the server was cut off from Redis',
  too_slow: 'the client read more slowly than events arrived',
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
    .describe('Cursor of the next page, however short this one is; null: this is the last page.'),
});
export type CommandListPage = z.infer<typeof commandListSchema>;

export const agentViewSchema = z.object({
  agentId: agentIdSchema,
  session: z
    .string()
    .nullable()
    .describe('Digest of the session of its current run; the session itself is a secret.'),
  instance: z.string().describe('Digest that identifies the data directory.'),
  state: z
    .enum(['live', 'lost'])
    .describe('`lost`: silent for the length of its lease. An agent that stopped gracefully is not listed.'),
  draining: z
    .boolean()
    .describe('Whether an operator drains the agent: it is given no more commands until its next run.'),
  host: z.string(),
  pid: z.int().nullable(),
  version: z.string().nullable(),
  queues: z.array(z.string()),
  weights: z
    .record(z.string(), z.int())
    .nullable()
    .describe('Weight of each queue; null: the queues are served strictly in their order.'),
  types: z.array(z.string()),
  concurrency: z.int().nullable(),
  running: z.int().describe('Number of entries in flight: delivered to the agent and not acknowledged.'),
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
    .describe('Live agents that announce this version; the one that is built into the server may have none.'),
  payload: jsonSchemaSchema,
  result: jsonSchemaSchema,
  onAgentLost: onAgentLostSchema.nullable(),
  defaultTimeoutMs: typeTimeoutSchema.nullable(),
  announcedAt: z.iso.datetime().nullable(),
});
export const typeConflictSchema = z.object({
  note: z.string().describe('For people: how the conflict is handled meanwhile.'),
  versions: z
    .array(typeVersionSchema)
    .describe('Two versions at least, the one that was announced last first.'),
});
export const typeViewSchema = z.object({
  type: z.string(),
  source: z.enum(['built-in', 'announced']),
  payload: jsonSchemaSchema,
  result: jsonSchemaSchema,
  onAgentLost: onAgentLostSchema.nullable(),
  defaultTimeoutMs: typeTimeoutSchema
    .nullable()
    .describe('The time-out of a submission without `timeoutMs`; null: known only to its agents.'),
  announcedAt: z.iso.datetime().nullable(),
  schemaError: z
    .string()
    .nullable()
    .describe('Why submissions of this type are refused: the announcement cannot be used.'),
  conflict: typeConflictSchema
    .nullable()
    .describe('Live agents announce different versions of this type; null: they do not.'),
});
export type TypeView = z.infer<typeof typeViewSchema>;
/** Response of `GET /types`. */
export const typeListSchema = z.object({ types: z.array(typeViewSchema) });

export const queueViewSchema = z.object({
  queue: z.string(),
  length: z.int().describe('Number of entries on the stream: waiting and in flight.'),
  pending: z.int().describe('Number of entries that were delivered to an agent and not acknowledged.'),
  oldestWaitingMs: z
    .int()
    .nullable()
    .describe('How long the oldest undelivered entry has been on the stream.'),
  consumers: z
    .int()
    .describe('Number of agents that read from the queue and are live, or hold entries of it.'),
  paused: z
    .boolean()
    .describe('Whether the queue is paused: no command is started from it until it is resumed.'),
  pausedAt: z.iso.datetime().nullable().describe('When the queue was paused.'),
});
export type QueueView = z.infer<typeof queueViewSchema>;
/** Response of `POST /queues/:name/pause` and `/resume`: one; of `GET /queues`: a page, by name. */
export const queueListSchema = z.object({
  queues: z.array(queueViewSchema),
  nextCursor: z.string().nullable().describe('The `cursor` of the next page; null: this is the last page.'),
});

/** Query of `GET /queues`. */
export const queuesQuerySchema = z.strictObject({
  limit: queryInteger(1, limits.queueListLimit)
    .default(limits.queueListLimit)
    .describe('Maximum number of queues in a page.'),
  cursor: queueNameSchema.optional().describe('The `nextCursor` of the previous page.'),
});

/** RUNNING commands that a starting server found. Their leases live in Redis: its restart changed nothing for them. */
export const runningAtStartupSchema = z.object({
  count: z.int(),
  leasesActive: z.int().describe('Number of commands renewed within the lease: their agents are at work.'),
  leasesExpired: z
    .int()
    .describe('Number of commands not renewed for longer than the lease: recovery will handle them.'),
  commandIds: z.array(commandIdSchema).describe('The ids of the first 20.'),
});
export type RunningAtStartup = z.infer<typeof runningAtStartupSchema>;

/** Response of `GET /stats`. */
export const statsSchema = z.object({
  counts: z.object({ PENDING: z.int(), RUNNING: z.int(), COMPLETED: z.int(), FAILED: z.int() }),
  scheduled: z.int().describe('Number of PENDING commands with a `runAt` in the future.'),
  pendingEntries: z.int().describe('Number of entries that were delivered to an agent and not acknowledged.'),
  oldestWaitingMs: z.int().nullable(),
  malformedEntries: z
    .int()
    .describe(
      'Number of entries that were moved aside, because they are malformed or name no readable command.',
    ),
  /** The state of finding lost agents. */
  recovery: z.object({
    pauses: z
      .int()
      .describe(
        'How often recovery paused because Redis was away, stopped, or its clock jumped; 0 in a healthy system.',
      ),
    pausedUntil: z.iso
      .datetime()
      .nullable()
      .describe(
        'Until then no agent is declared lost, so that live agents renew first; null while recovery is not paused.',
      ),
  }),
  /** The state of deleting what ended long enough ago. */
  retention: z.object({
    pruned: z.int().describe('Number of commands pruned since the beginning.'),
    lastPrunedAt: z.iso.datetime().nullable(),
    behindMs: z
      .int()
      .describe(
        'By how much the commands that were pruned last were overdue: a second at most, unless there is much to prune.',
      ),
  }),
  runningAtStartup: runningAtStartupSchema
    .nullable()
    .describe('RUNNING commands that the server found at its start; null until it has looked for them.'),
});
export type Stats = z.infer<typeof statsSchema>;

/** Response of `GET /health`: this process answers. The state of Redis does not enter into it. */
export const healthSchema = z.object({ status: z.literal('ok') });

/** Response of `GET /ready`, when the server can take commands. */
export const readinessSchema = z.object({
  status: z.literal('ready'),
  durability: z
    .object({ ok: z.boolean(), reasons: z.array(z.string()) })
    .describe('Whether Redis runs in a way that upholds the guarantees; if not, the reasons.'),
  limits: z
    .array(z.string())
    .default([])
    .describe('Features that are restricted because the Redis user lacks permissions, for example events.'),
});

/** Response of `GET /`. */
export const indexSchema = z.object({
  name: z.string(),
  version: z.string(),
  endpoints: z
    .record(z.string(), z.string())
    .describe('Short description of each endpoint, by method and path.'),
});
