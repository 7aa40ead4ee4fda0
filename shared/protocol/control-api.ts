import { z } from 'zod';
import { queryInteger } from './api.js';
import {
  commandErrorCodeSchema,
  commandIdSchema,
  commandTypeSchema,
  executedSchema,
  limits,
  queueNameSchema,
} from './commands.js';

/** Requests and responses of the operator endpoints. Contract (docs/reference/http-api.md). */

const filter = {
  type: commandTypeSchema.optional(),
  queue: queueNameSchema.optional(),
  limit: queryInteger(1, limits.listLimit)
    .default(100)
    .describe('Maximum number of commands that one call acts on.'),
  cursor: z
    .string({ error: 'must be given once' })
    .max(300)
    .optional()
    .describe('The `nextCursor` of the previous call, made with the same `status`.'),
};

/** Query of `POST /commands/cancel`. Never everything: `status` selects the half that is meant. */
export const cancelQuerySchema = z.strictObject({ status: z.enum(['PENDING', 'RUNNING']), ...filter });
export type CancelQuery = z.infer<typeof cancelQuerySchema>;

/** Query of `POST /commands/retry`. */
export const retryQuerySchema = z.strictObject({
  status: z.enum(['FAILED']),
  code: commandErrorCodeSchema.optional().describe('Only commands with this `error.code`.'),
  executed: executedSchema
    .optional()
    .describe('Only commands with this `error.executed`; `no` is always safe to retry.'),
  ...filter,
});
export type RetryQuery = z.infer<typeof retryQuerySchema>;

/** Query of `POST /commands/:id/retry`. */
export const retryOneQuerySchema = z.strictObject({
  finishedAt: z.iso
    .datetime({ offset: true })
    .optional()
    .describe(
      'The `finishedAt` of the failure to retry, as the command shows it: with it the call may be sent again.',
    ),
});

/** Response of `POST /commands/:id/cancel`. */
export const cancelledSchema = z.object({
  commandId: commandIdSchema,
  state: z
    .enum(['cancelled', 'requested'])
    .describe(
      '`cancelled`: the command has ended as CANCELLED. `requested`: it runs, its agent is notified, and its report decides the outcome.',
    ),
});

/** Response of `POST /commands/:id/retry`. */
export const retriedSchema = z.object({
  commandId: commandIdSchema,
  mayStillRun: z
    .boolean()
    .describe(
      'Whether the last attempt may still run: its outcome was not reported, and its agent may be executing it beside the next one.',
    ),
  note: z.string().nullable().describe('A note for people; null if there is none.'),
});

const step = {
  skipped: z
    .int()
    .describe('Number of commands that ended or changed their status before this call reached them.'),
  nextCursor: z
    .string()
    .nullable()
    .describe(
      'Cursor of the next call, since a call examines a bounded number; null: all commands were examined.',
    ),
};

/** Response of `POST /commands/cancel`. */
export const cancelledManySchema = z.object({ cancelled: z.int(), requested: z.int(), ...step });
/** Response of `POST /commands/retry`. */
export const retriedManySchema = z.object({
  retried: z.int(),
  mayStillRun: z.int().describe('Number of retried commands whose last attempt reported no outcome.'),
  ...step,
});
