import Ajv2020 from 'ajv/dist/2020.js';
import { z } from 'zod';
import { limits, type Submission, submissionSchema } from '../../shared/protocol/commands.js';

/** A submission that its schema takes. */
export interface ParsedSubmission {
  /** The submission as it was sent: defaults are not filled in. */
  readonly submission: Submission;
  /** The payload as it is stored. */
  readonly payloadText: string;
}

/**
 * The fields that most submissions are made of. One with any other, such as `runAt`, is left to the
 * schema: it has rules that JSON Schema cannot express.
 */
const { type, queue, timeoutMs, ttlMs, delayMs, onAgentLost, maxLosses, maxAttempts, idempotencyKey } =
  submissionSchema.shape;
const usualSchema = z.strictObject({
  ...{ type, queue, timeoutMs, ttlMs, delayMs, onAgentLost, maxLosses, maxAttempts, idempotencyKey },
  payload: z.unknown(),
});

/**
 * Compiled from the schema itself, and twenty times as fast, since it does not report what does not fit. Ajv need
 * not validate zod's schema by JSON Schema's own, which costs 100 ms at each start.
 */
const fits = new Ajv2020({ validateSchema: false }).compile<Submission>(
  z.toJSONSchema(usualSchema, { io: 'input' }),
);

/**
 * Looks whether a body, as JSON.parse gives it, is a submission that the schema would take as it is.
 *
 * @returns undefined when the schema has to decide, which has the messages for what is wrong
 */
export function parseFast(body: unknown): ParsedSubmission | undefined {
  if (!fits(body)) return undefined;
  const payloadText = JSON.stringify(body.payload);
  if (Buffer.byteLength(payloadText) > limits.payloadBytes) return undefined;
  return { submission: body, payloadText };
}
