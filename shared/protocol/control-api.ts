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
  limit: queryInteger(1, limits.listLimit).default(100).describe('Most commands that one call acts on.'),
  cursor: z
    .string({ error: 'must be given once' })
    .max(300)
    .optional()
    .describe('The `nextCursor` of the call before, with the same `status`.'),
};

/** Query of `POST /commands/cancel`. Never everything: `status` selects the half that is meant. */
export const cancelQuerySchema = z.strictObject({ status: z.enum(['PENDING', 'RUNNING']), ...filter });
export type CancelQuery = z.infer<typeof cancelQuerySchema>;

/** Query of `POST /commands/retry`. */
export const retryQuerySchema = z.strictObject({
  status: z.enum(['FAILED']),
  code: commandErrorCodeSchema.optional().describe('`error.code`.'),
  executed: executedSchema
    .optional()
    .describe('`no` are those that may be executed again without a thought.'),
  ...filter,
});
export type RetryQuery = z.infer<typeof retryQuerySchema>;

/** Query of `POST /commands/:id/retry`. */
export const retryOneQuerySchema = z.strictObject({
  finishedAt: z.iso
    .datetime({ offset: true })
    .optional()
    .describe('Of the failure that is meant, as the command shows it: then the call may be sent again.'),
});

/** Response of `POST /commands/:id/cancel`. */
export const cancelledSchema = z.object({
  commandId: commandIdSchema,
  state: z
    .enum(['cancelled', 'requested'])
    .describe(
      '`cancelled`: it has ended so. `requested`: it runs, its agent is told, and its report will say how it ended.',
    ),
});

/** Response of `POST /commands/:id/retry`. */
export const retriedSchema = z.object({
  commandId: commandIdSchema,
  mayStillRun: z
    .boolean()
    .describe(
      'Nobody has said how its last attempt ended: its agent may still be at work on it, beside the next one.',
    ),
  note: z.string().nullable().describe('For people; null when there is nothing to say.'),
});

const step = {
  skipped: z.int().describe('Ended, or moved on, while this call came to them.'),
  nextCursor: z
    .string()
    .nullable()
    .describe('null: all were looked at. Else go on with it; a call looks at a bounded number.'),
};

/** Response of `POST /commands/cancel`. */
export const cancelledManySchema = z.object({ cancelled: z.int(), requested: z.int(), ...step });
/** Response of `POST /commands/retry`. */
export const retriedManySchema = z.object({
  retried: z.int(),
  mayStillRun: z.int().describe('Of those retried: attempts of which nobody has said how they ended.'),
  ...step,
});
