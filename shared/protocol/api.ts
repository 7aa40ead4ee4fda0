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

/** Deepest nesting of a body. Every parser and printer between here and a handler is recursive. */
export const jsonDepth = 64;

/** Most faults that one answer lists. */
export const problemErrors = 20;

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
      instance: z.string(),
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
  limit: queryInteger(1, limits.listLimit).default(50),
  cursor: z.string({ error: once }).max(300).optional(),
});
export type ListQuery = z.infer<typeof listQuerySchema>;

/** Query of `GET /commands/:id`. */
export const commandQuerySchema = z.strictObject({
  wait: queryInteger(0, limits.waitSeconds).default(0),
});

/** Query of `GET /events`. */
export const eventsQuerySchema = z.strictObject({
  commandId: z
    .guid({ error: 'must be the id of one command' })
    .transform((id) => id.toLowerCase())
    .optional(),
});

/** Data of an event `transition` of `GET /events`: where a command is now. A hint, of which some may be missing. */
export const transitionEventSchema = z.object({
  commandId: z.string(),
  status: statusSchema,
  attempt: z.int(),
  /** How far the attempt says that it is: the status has not changed. null: this is a step. */
  progress: z.json(),
  /** When this server heard of it, by its own clock: for display. Times that count are in the command. */
  at: z.iso.datetime(),
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

/** Of `POST /commands`. */
export const submittedSchema = z.object({ commandId: commandIdSchema });
/** Of `POST /commands/batch`: one id per command, in order. */
export const batchSubmittedSchema = z.object({ commandIds: z.array(commandIdSchema) });

/**
 * A command in a list: without what may be large. One page of 200 results of 1 MiB would be more
 * than either side wants to hold.
 */
export const commandSummarySchema = commandViewSchema.omit({ payload: true, result: true, history: true });
export type CommandSummary = z.infer<typeof commandSummarySchema>;

/** Of `GET /commands`. A short page with a `nextCursor` means: go on. */
export const commandListSchema = z.object({
  commands: z.array(commandSummarySchema),
  nextCursor: z.string().nullable(),
});
export type CommandListPage = z.infer<typeof commandListSchema>;

export const agentViewSchema = z.object({
  agentId: agentIdSchema,
  session: z.string().nullable(),
  instance: z.string(),
  /** `lost`: not heard of for its lease. One that stopped in good order is not listed. */
  state: z.enum(['live', 'lost']),
  /** An operator wants it to take no more commands, until its next run. */
  draining: z.boolean(),
  host: z.string(),
  pid: z.int().nullable(),
  version: z.string().nullable(),
  queues: z.array(z.string()),
  /** By queue; null: it serves them strictly in their order. */
  weights: z.record(z.string(), z.int()).nullable(),
  types: z.array(z.string()),
  concurrency: z.int().nullable(),
  /** Entries in its hands: delivered to it and not acknowledged. */
  running: z.int(),
  leaseMs: z.int(),
  lastSeen: z.iso.datetime(),
});
export type AgentView = z.infer<typeof agentViewSchema>;
/** Of `GET /agents`. */
export const agentListSchema = z.object({ agents: z.array(agentViewSchema) });

const jsonSchemaSchema = z.record(z.string(), z.unknown()).nullable();
/** One version of a command type, and who announces it. */
const typeVersionSchema = z.object({
  digest: z.string(),
  /** Live ones; there may be none of the version that is built into the server. */
  agents: z.array(agentIdSchema),
  payload: jsonSchemaSchema,
  result: jsonSchemaSchema,
  onAgentLost: onAgentLostSchema.nullable(),
  defaultTimeoutMs: typeTimeoutSchema.nullable(),
  announcedAt: z.iso.datetime().nullable(),
});
export const typeConflictSchema = z.object({
  /** For people: what is done about it meanwhile. */
  note: z.string(),
  /** Two at least, the one that was announced last first. */
  versions: z.array(typeVersionSchema),
});
export const typeViewSchema = z.object({
  type: z.string(),
  source: z.enum(['built-in', 'announced']),
  payload: jsonSchemaSchema,
  result: jsonSchemaSchema,
  onAgentLost: onAgentLostSchema.nullable(),
  /** Of a submission without `timeoutMs`; null: only its agents know. */
  defaultTimeoutMs: typeTimeoutSchema.nullable(),
  announcedAt: z.iso.datetime().nullable(),
  /** Why submissions of this type are refused: what was announced cannot be used. */
  fault: z.string().nullable(),
  /** Live agents mean different things by this name; null: they do not. */
  conflict: typeConflictSchema.nullable(),
});
export type TypeView = z.infer<typeof typeViewSchema>;
/** Of `GET /types`. */
export const typeListSchema = z.object({ types: z.array(typeViewSchema) });

export const queueViewSchema = z.object({
  queue: z.string(),
  /** Entries on the stream: waiting and in flight. */
  length: z.int(),
  /** Delivered to an agent and not acknowledged. */
  pending: z.int(),
  /** How long the oldest entry that nobody was given has been on the stream. */
  oldestWaitingMs: z.int().nullable(),
  /** Agents that ever read from it. */
  consumers: z.int(),
  /** Nothing is started from it until it is resumed. */
  paused: z.boolean(),
  /** Since when. */
  pausedAt: z.iso.datetime().nullable(),
});
export type QueueView = z.infer<typeof queueViewSchema>;
/** Of `POST /queues/:name/pause` and `/resume`: one; of `GET /queues`: all. */
export const queueListSchema = z.object({ queues: z.array(queueViewSchema) });

/** RUNNING commands that a starting server found. Their leases live in Redis: its restart changed nothing for them. */
export const leftoversSchema = z.object({
  found: z.int(),
  /** Renewed within the lease: their agents are at work. */
  leasesAlive: z.int(),
  /** Not renewed for longer than the lease: recovery will deal with them. */
  leasesRunOut: z.int(),
  /** The first 20. */
  commandIds: z.array(commandIdSchema),
});
export type Leftovers = z.infer<typeof leftoversSchema>;

/** Of `GET /stats`. */
export const statsSchema = z.object({
  counts: z.object({ PENDING: z.int(), RUNNING: z.int(), COMPLETED: z.int(), FAILED: z.int() }),
  /** PENDING with a `runAt` to come. */
  scheduled: z.int(),
  /** Delivered to an agent and not acknowledged. */
  pendingEntries: z.int(),
  oldestWaitingMs: z.int().nullable(),
  /** Entries that could not be understood and were put aside. */
  deadEntries: z.int(),
  /** Of finding lost agents. */
  recovery: z.object({
    /** How often Redis was away, stopped, or its clock jumped; a healthy system never holds off. */
    holdOffs: z.int(),
    /** Until then nobody is declared lost, so that live agents renew first; null when nothing is held off. */
    holdUntil: z.iso.datetime().nullable(),
  }),
  /** Of deleting what ended long enough ago. */
  retention: z.object({
    /** Commands that were pruned since the beginning. */
    pruned: z.int(),
    lastPrunedAt: z.iso.datetime().nullable(),
    /** By how much what was pruned last was overdue: a second at most, unless there is much to prune. */
    behindMs: z.int(),
  }),
  /** null until the server has looked, right after its start. */
  leftoverRunning: leftoversSchema.nullable(),
});
export type Stats = z.infer<typeof statsSchema>;

/** Of `GET /health`: this process answers. It says nothing of Redis. */
export const healthSchema = z.object({ status: z.literal('ok') });

/** Of `GET /ready`, when the server can take commands. */
export const readinessSchema = z.object({
  status: z.literal('ready'),
  /** Whether Redis runs in a way that the guarantees hold with; if not, why. */
  durability: z.object({ ok: z.boolean(), reasons: z.array(z.string()) }),
});
