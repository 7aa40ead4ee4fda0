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

/** What an operator asks of commands, and what a server answers. Contract: DESIGN section 5. */

const filter = {
  type: commandTypeSchema.optional(),
  queue: queueNameSchema.optional(),
  /** Most commands that one call acts on. */
  limit: queryInteger(1, limits.listLimit).default(100),
  cursor: z.string({ error: 'must be given once' }).max(300).optional(),
};

/** Query of `POST /commands/cancel`. Never everything: `status` says which half is meant. */
export const cancelQuerySchema = z.strictObject({ status: z.enum(['PENDING', 'RUNNING']), ...filter });
export type CancelQuery = z.infer<typeof cancelQuerySchema>;

/** Query of `POST /commands/retry`. */
export const retryQuerySchema = z.strictObject({
  status: z.enum(['FAILED']),
  /** `error.code`. */
  code: commandErrorCodeSchema.optional(),
  /** `no` are those that may be executed again without a thought. */
  executed: executedSchema.optional(),
  ...filter,
});
export type RetryQuery = z.infer<typeof retryQuerySchema>;

/** Query of `POST /commands/:id/retry`. */
export const retryOneQuerySchema = z.strictObject({
  /** Of the failure that is meant, as the command shows it: then the call may be sent again. */
  finishedAt: z.iso.datetime({ offset: true }).optional(),
});

/** Of `POST /commands/:id/cancel`. */
export const cancelledSchema = z.object({
  commandId: commandIdSchema,
  /** `cancelled`: it has ended so. `requested`: it runs, its agent is told, and its report will say how it ended. */
  state: z.enum(['cancelled', 'requested']),
});

/** Of `POST /commands/:id/retry`. */
export const retriedSchema = z.object({
  commandId: commandIdSchema,
  /** Nobody has said how its last attempt ended: its agent may still be at work on it, beside the next one. */
  mayStillRun: z.boolean(),
  /** For people; null when there is nothing to say. */
  note: z.string().nullable(),
});

const step = {
  /** Ended, or moved on, while this call came to them. */
  skipped: z.int(),
  /** null: all were looked at. Else go on with it; a call looks at a bounded number. */
  nextCursor: z.string().nullable(),
};

/** Of `POST /commands/cancel`. */
export const cancelledManySchema = z.object({ cancelled: z.int(), requested: z.int(), ...step });
/** Of `POST /commands/retry`. */
export const retriedManySchema = z.object({
  retried: z.int(),
  /** Of those retried: attempts of which nobody has said how they ended. */
  mayStillRun: z.int(),
  ...step,
});
