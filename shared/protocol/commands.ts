import { z } from 'zod';
import { commandErrorCodes } from './errors.js';

/** Bounds of the API. Contract (docs/reference/http-api.md). Sizes are in bytes of UTF-8. */
export const limits = {
  bodyBytes: 256 * 1024,
  batchBodyBytes: 8 * 1024 * 1024,
  reportBodyBytes: 2 * 1024 * 1024,
  /** Commas, colons and opening brackets in a body, outside strings: in one that may be large, and in any other. */
  bodyValues: 120_000,
  smallBodyValues: 40_000,
  payloadBytes: 64 * 1024,
  resultBytes: 1024 * 1024,
  /** Less than a body's, which has the result within it: what an agent may store, it may send to a server. */
  resultDepth: 60,
  /** Length of an error's message. */
  messageChars: 4096,
  /** Small: it is kept beside the command, in every list, and by each server with the last events. */
  progressBytes: 1024,
  progressDepth: 32,
  batchCommands: 1000,
  listLimit: 200,
  /** Queues of one page: as many as there may be, unless an operator allows more. */
  queueListLimit: 1000,
  listScan: 1000,
  waitSeconds: 60,
  idempotencyKeyChars: 255,
  /** 30 days: the longest an attempt may take, wait to be started, or be postponed (`runAt` up to a year). */
  timeoutMs: 30 * 24 * 3600 * 1000,
  ttlMs: 365 * 24 * 3600 * 1000,
  delayMs: 365 * 24 * 3600 * 1000,
  maxAttempts: 100,
  maxLosses: 100,
} as const;

export const defaults = { queue: 'default', maxAttempts: 1, maxLosses: 3, timeoutMs: 30_000 } as const;

export const statuses = ['PENDING', 'RUNNING', 'COMPLETED', 'FAILED'] as const;
export const statusSchema = z.enum(statuses);
export type Status = z.infer<typeof statusSchema>;

export const executedSchema = z.enum(['no', 'unknown', 'yes']);
/** Whether execution began: an agent reported so, a fault left it open, or never. Only ever raised. */
export type Executed = z.infer<typeof executedSchema>;

export const onAgentLostSchema = z.enum(['fail', 'retry']);
export type OnAgentLost = z.infer<typeof onAgentLostSchema>;

/** The reasons why a PENDING command waits, besides its turn: the first that applies is shown. */
export const waitingReasons = {
  schedule: 'the command is delayed, or waits for its next attempt',
  'queue-paused': 'its queue is paused',
  agent: 'no live agent serves its queue',
  'capable-agent': 'live agents serve its queue, but none of them knows its type',
} as const;
export type WaitingReason = keyof typeof waitingReasons;
export const waitingReasonSchema = z.enum(Object.keys(waitingReasons) as [WaitingReason, ...WaitingReason[]]);

/** Names that become parts of Redis keys and of paths. */
const nameSchema = (what: string, max: number) =>
  z
    .string()
    .regex(
      new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,${max - 1}}$`),
      `${what} is 1 to ${max} letters, digits, '.', '_' or '-', and starts with a letter or digit`,
    );
export const queueNameSchema = nameSchema('a queue name', 64);
export const agentIdSchema = nameSchema('an agentId', 64);
export const commandTypeSchema = nameSchema('a command type', 64);
export const commandIdSchema = z.guid({ error: 'must be the id of a command: a UUID' });

/** The form of an Idempotency-Key. */
export const keyPattern = new RegExp(`^[\\x21-\\x7e]{1,${limits.idempotencyKeyChars}}$`);
export const keyRule = `must be 1 to ${limits.idempotencyKeyChars} visible ASCII characters, without spaces`;

const idempotencyKeySchema = z.string().regex(keyPattern, { error: keyRule });

/** JSON as it comes and goes: payloads and results are carried, never interpreted. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const utf8Bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

/** How far an attempt is, as it reports it. Not null, which means that it has reported nothing. */
export type Progress = Exclude<Json, null>;
export const progressSchema = z
  .json({ error: 'must be JSON' })
  .refine((progress) => progress !== null, {
    error: 'must not be null, which means that there is none',
    abort: true,
  })
  .refine((progress) => utf8Bytes(progress) <= limits.progressBytes, {
    error: `must be at most ${limits.progressBytes} bytes as JSON`,
  });

const payloadSchema = z
  .json({ error: 'must be JSON' })
  .refine((payload) => utf8Bytes(payload) <= limits.payloadBytes, {
    error: `must be at most ${limits.payloadBytes} bytes as JSON`,
  });

/** Body of `POST /commands`, and one item of `POST /commands/batch`. */
export const submissionSchema = z
  .strictObject({
    type: commandTypeSchema,
    payload: payloadSchema,
    queue: queueNameSchema
      .optional()
      .describe(
        `The queue of the command: only agents that serve it may execute the command. When left out, \`${defaults.queue}\`.`,
      ),
    timeoutMs: z
      .int()
      .min(1)
      .max(limits.timeoutMs)
      .optional()
      .describe('How long an attempt may take. When left out, the time-out of the command type.'),
    ttlMs: z
      .int()
      .min(1)
      .max(limits.ttlMs)
      .optional()
      .describe(
        'The command fails as `EXPIRED` if it is not started within this time. When left out, it waits for ever.',
      ),
    runAt: z.iso
      .datetime({ offset: true, error: 'must be a time with its zone, such as 2026-11-22T18:00:00Z' })
      .optional()
      .describe('The command is not started before this time. Cannot be combined with `delayMs`.'),
    delayMs: z
      .int()
      .min(0)
      .max(limits.delayMs)
      .optional()
      .describe('The command is not started until this time has passed. Cannot be combined with `runAt`.'),
    onAgentLost: onAgentLostSchema
      .optional()
      .describe(
        'Whether the command may be executed again after its agent was lost during an attempt. When left out, the policy of the command type.',
      ),
    maxLosses: z
      .int()
      .min(1)
      .max(limits.maxLosses)
      .optional()
      .describe(
        `With \`onAgentLost: retry\`, the command fails after this many lost agents. When left out, ${defaults.maxLosses}.`,
      ),
    maxAttempts: z
      .int()
      .min(1)
      .max(limits.maxAttempts)
      .optional()
      .describe(
        `The command fails after this many attempts that failed by their own error. When left out, ${defaults.maxAttempts}.`,
      ),
    idempotencyKey: idempotencyKeySchema
      .optional()
      .describe(
        'A key of your choice, new for each new command, like the header `Idempotency-Key` of a single submission: with it the command may be sent again.',
      ),
  })
  .refine((command) => command.runAt === undefined || command.delayMs === undefined, {
    path: ['delayMs'],
    error: 'give runAt or delayMs, not both',
  });
export type Submission = z.infer<typeof submissionSchema>;

export const batchSchema = z.strictObject({
  commands: z.array(submissionSchema).min(1).max(limits.batchCommands),
});

export const commandErrorCodeSchema = z.enum(commandErrorCodes);
export const commandErrorSchema = z.object({
  code: commandErrorCodeSchema,
  message: z.string(),
  executed: executedSchema.describe(
    'Whether execution began. `unknown` only if a fault really left it open.',
  ),
});
export type CommandError = z.infer<typeof commandErrorSchema>;

/** An ended attempt that was not the accepted one: evidence, newest first. */
export const historyItemSchema = z.object({
  attempt: z.int(),
  agentId: z.string(),
  session: z
    .string()
    .describe('Digest of the session that executed the attempt; the session itself is a secret.'),
  reason: z
    .enum(['lost', 'failed', 'late', 'retried'])
    .describe(
      "`lost`: its agent was lost; `failed`: it failed by its own error and was retried; `late`: it was reported too late; `retried`: an operator's retry superseded it.",
    ),
  recordedAt: z.iso.datetime().describe('When the item was added to the history.'),
  status: statusSchema.nullable(),
  result: z.json(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
});
export type HistoryItem = z.infer<typeof historyItemSchema>;

/** A command as `GET /commands/:id` shows it. Times are RFC 3339 in UTC; what has no value yet is null. */
export const commandViewSchema = z.object({
  commandId: commandIdSchema,
  status: statusSchema,
  type: z.string(),
  payload: z.json(),
  queue: z.string(),
  result: z.json().describe('The result of the last attempt; null if it has none, or none yet.'),
  error: commandErrorSchema.nullable().describe('The reason why the command FAILED.'),
  progress: z
    .json()
    .describe(
      'The progress that the last attempt reported; null: it reported none, or there will be another attempt.',
    ),
  agentId: z.string().nullable().describe('The agent that executes it, or did last.'),
  attempt: z.int().describe('The number of the last attempt: raised at each start, never reset.'),
  losses: z.int().describe('Number of attempts whose agent was lost.'),
  failures: z.int().describe('Number of attempts that failed by their own error.'),
  onAgentLost: onAgentLostSchema,
  maxLosses: z.int(),
  maxAttempts: z.int(),
  timeoutMs: z
    .int()
    .nullable()
    .describe('How long an attempt may take; null: the time-out of the command type.'),
  createdAt: z.iso.datetime(),
  startedAt: z.iso.datetime().nullable(),
  finishedAt: z.iso.datetime().nullable(),
  runAt: z.iso
    .datetime()
    .nullable()
    .describe('The command is not started before this time: it is delayed, or waits for its next attempt.'),
  expiresAt: z.iso
    .datetime()
    .nullable()
    .describe('The command fails as EXPIRED if it is not started by then.'),
  waitingFor: waitingReasonSchema
    .nullable()
    .describe('Why a PENDING command waits; null: only for its turn, or it waits no more.'),
  cancelRequestedAt: z.iso
    .datetime()
    .nullable()
    .describe('When the cancellation of its running attempt was requested.'),
  history: z
    .array(historyItemSchema)
    .describe('Ended attempts that were not the accepted one, newest first.'),
});
export type CommandView = z.infer<typeof commandViewSchema>;
