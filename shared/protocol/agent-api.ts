import { z } from 'zod';
import { queryInteger } from './api.js';
import { typeTimeoutSchema } from './command-types.js';
import { mostHeld } from './bounds.js';
import {
  agentIdSchema,
  commandErrorCodeSchema,
  commandIdSchema,
  commandTypeSchema,
  executedSchema,
  limits,
  onAgentLostSchema,
  progressSchema,
} from './commands.js';
import { keptMessage } from './error-message.js';
import { servedQueuesSchema } from './served-queues.js';

/** Requests and responses of the agent protocol. Contract (docs/reference/agent-protocol.md). */

const sessionError = "must be 1 to 128 letters, digits, '.', '_' or '-'";
export const sessionSchema = z.string().regex(/^[A-Za-z0-9._-]{1,128}$/, sessionError);

const instanceError = "must be 1 to 100 letters, digits, '.', '_' or '-'";
export const instanceSchema = z.string().regex(/^[A-Za-z0-9._-]{1,100}$/, instanceError);

/** `a,b` as ['a', 'b']; nothing for an empty string. */
const partsSchema = z
  .string({ error: 'must be given once' })
  .transform((text) => (text === '' ? [] : text.split(',')));
const listOf = <Item>(item: z.ZodType<Item, string>, most: number) =>
  partsSchema.pipe(z.array(item).max(most));

const heldError = 'must be <commandId>:<attempt>, with commas between';
const heldSchema = z
  .string()
  .regex(/^[0-9A-Fa-f-]{36}:\d{1,15}$/, heldError)
  .transform((text) => ({ id: text.slice(0, 36).toLowerCase(), attempt: Number(text.slice(37)) }));

const caller = {
  agentId: agentIdSchema,
  session: sessionSchema.optional().describe("The session: one run of the agent's process."),
};

/** Query of `GET /commands/next`. */
export const nextQuerySchema = z.strictObject({
  ...caller,
  instance: instanceSchema
    .optional()
    .describe(
      "The instance of the agent's data directory, whose lock keeps two runs apart. A session `<instance>.<boot>.r<random>` includes it, and needs no such proof.",
    ),
  concurrency: queryInteger(0, 1000)
    .default(1)
    .describe(
      'Maximum number of commands that the agent may hold. With 0 only commands whose answer was lost are returned again.',
    ),
  holding: listOf(heldSchema, mostHeld)
    .optional()
    .describe(
      'Commands in flight at the agent. When left out, they are not known, and the agent is given one command at a time.',
    ),
  wait: queryInteger(0, limits.waitSeconds)
    .default(0)
    .describe('Seconds for which the answer may be held until there is a command to start.'),
  queues: partsSchema
    .pipe(servedQueuesSchema)
    .optional()
    .describe('Queues to take commands from. When left out, those that the agent registered with.'),
  types: listOf(commandTypeSchema, 500).optional(),
});

/** Response of `GET /commands/next`, 200. */
export const nextCommandSchema = z.object({
  commandId: commandIdSchema,
  type: z.string(),
  payload: z.json(),
  attempt: z.int(),
  ticket: z
    .string()
    .default('')
    .describe(
      'Identifies the delivery. The same attempt with another ticket belongs to a command that was deleted and submitted anew.',
    ),
  queue: z.string(),
  timeoutMs: z.int().nullable().describe("How long the attempt may take; null: the type's default."),
  onAgentLost: onAgentLostSchema,
  leaseMs: z.int().describe('How long the attempt may go unrenewed.'),
  heldMs: z
    .int()
    .describe(
      'How long the poll had been held when the command was started: the lease began that much later than the request.',
    ),
});
export type NextCommand = z.infer<typeof nextCommandSchema>;

/** Header of the answers to an agent that is to take no more commands. */
export const drainingHeader = 'Fencepost-Draining';

/**
 * Header of a report, with the `ticket` of the delivery that its attempt had. No field of the body: a server of an
 * earlier version would refuse one that it does not know.
 */
export const ticketHeader = 'Fencepost-Ticket';

const reportErrorSchema = z.strictObject({
  message: z.string().transform((text) => keptMessage(text)),
  code: commandErrorCodeSchema.default('EXECUTION_FAILED'),
  executed: executedSchema.default('yes'),
  retryable: z.boolean().default(true),
  retryAfterMs: z
    .int()
    .min(0)
    .max(limits.delayMs)
    .default(0)
    .describe('Minimum pause before the next attempt.'),
});

/** Body of `PUT /commands/:id/result`. */
export const reportBodySchema = z.strictObject({
  ...caller,
  attempt: z.int().min(1).optional(),
  status: z.enum(['COMPLETED', 'FAILED']),
  result: z
    .unknown()
    .optional()
    .describe('Any JSON value. It is stored as it was sent, and its size is checked then.'),
  error: reportErrorSchema.optional(),
});
export type ReportBody = z.infer<typeof reportBodySchema>;

/** Response of `PUT /commands/:id/result`. */
export const reportedSchema = z.object({
  commandId: commandIdSchema,
  again: z.boolean().describe('Whether this same report had been stored before.'),
});

const heldAttemptSchema = z.strictObject({ commandId: commandIdSchema, attempt: z.int().min(1) });

/** Body of `POST /commands/renew`. */
export const renewBodySchema = z.strictObject({ ...caller, held: z.array(heldAttemptSchema).max(1000) });
/**
 * Response of `POST /commands/renew`: the attempts whose execution must stop. `lost`: no report of them is
 * expected; `cancelled`: they were renewed, and their report ends them.
 */
export const renewedSchema = z.object({
  lost: z.array(heldAttemptSchema),
  cancelled: z.array(heldAttemptSchema),
});

/** Body of `POST /commands/progress`. */
export const progressBodySchema = z.strictObject({
  ...caller,
  told: z
    .array(
      heldAttemptSchema.extend({
        progress: progressSchema,
        sequence: z
          .int()
          .min(1)
          .describe(
            'Must grow with each update of an attempt: an update that arrives late does not replace a later one.',
          ),
      }),
    )
    .max(100),
});
/** Response of `POST /commands/progress`. */
export const progressToldSchema = z.object({
  lost: z
    .array(heldAttemptSchema)
    .describe('Attempts that no longer belong to this session: their progress is not stored.'),
});

/** Body of `POST /commands/:id/release`. */
export const releaseBodySchema = z.strictObject({ ...caller, attempt: z.int().min(1) });
/** Response of `POST /commands/:id/release`. */
export const releasedSchema = z.object({ commandId: commandIdSchema });

/** Sessions of earlier runs whose processes are proved dead. */
const earlierSchema = z.array(sessionSchema).max(20);

/** Body of `POST /agents/:agentId/settle`. */
export const settleBodySchema = z.strictObject({ session: sessionSchema, earlier: earlierSchema });
/** Response of `POST /agents/:agentId/settle`. */
export const settledSchema = z.object({
  agentId: agentIdSchema,
  settled: z
    .array(z.object({ commandId: commandIdSchema, attempt: z.int(), word: z.enum(['requeued', 'lost']) }))
    .describe(
      'The commands that those sessions left. `requeued`: the command waits again; `lost`: it ended as AGENT_LOST.',
    ),
});

const announcedSchema = z.strictObject({
  type: commandTypeSchema,
  payload: z.record(z.string(), z.unknown()).describe('JSON Schema 2020-12.'),
  result: z.record(z.string(), z.unknown()),
  onAgentLost: onAgentLostSchema.default('fail'),
  defaultTimeoutMs: typeTimeoutSchema
    .nullable()
    .default(null)
    .describe('The time-out of a submission without `timeoutMs`; null: known only to agents.'),
});

const typeError = 'must be the name of a command type, or {type, payload, result, onAgentLost}';

/** Body of `PUT /agents/:agentId`. */
export const registerBodySchema = z.strictObject({
  session: sessionSchema,
  instance: instanceSchema.optional(),
  earlier: earlierSchema
    .default([])
    .describe(
      'Sessions of earlier runs that have ended for certain: the name is taken over from them at once.',
    ),
  queues: servedQueuesSchema
    .refine(({ queues }) => queues.length > 0, { error: 'must name at least one queue' })
    .prefault(['default']),
  /** Names, or announcements with schemas; none: it is given commands of every type. */
  types: z
    .array(z.union([commandTypeSchema, announcedSchema], { error: typeError }))
    .max(500)
    .default([]),
  concurrency: z.int().min(1).max(1000).default(1),
  host: z.string().max(255).default(''),
  pid: z.int().min(1).optional(),
  version: z.string().max(64).optional(),
});
export type RegisterBody = z.infer<typeof registerBodySchema>;

/** Response of `PUT /agents/:agentId`. */
export const registeredSchema = z.object({
  agentId: agentIdSchema,
  session: sessionSchema,
  leaseMs: z.int(),
  at: z.iso.datetime().describe('Redis time of the registration.'),
  draining: z.boolean().describe('Whether an operator drains this session: it is given no more commands.'),
  differing: z
    .array(z.string())
    .default([])
    .describe('The types announced by this call of which other agents announce another version.'),
});

/** Query of `DELETE /agents/:agentId`. */
export const leaveQuerySchema = z.strictObject({ session: sessionSchema });
/** Response of `DELETE /agents/:agentId`. */
export const leftSchema = z.object({ agentId: agentIdSchema, left: z.boolean() });
/** Response of `POST /agents/:agentId/drain`. */
export const drainingSchema = z.object({
  agentId: agentIdSchema,
  session: z.string().describe('Digest of the session that is drained; the session itself is a secret.'),
});
