import { z } from 'zod';
import { get, type Answer } from '../http/get.js';
import { systemNetwork, type Network } from '../http/guarded-agent.js';
import { parseJsonText } from '../http/json-text.js';
import { NoAnswer } from '../http/no-answer.js';
import { retryAfterMs } from '../http/retry-after.js';
import { ExecutionError, type CommandType, type ExecutionContext } from './command-type.js';
import { defineCommand } from './define-command.js';

export const maxBodyBytes = 102_400;

// The scheme in letters of both cases and not with the flag `i`, which JSON Schema has no place for.
const urlSchema = z
  .string()
  .max(2048)
  .regex(/^[hH][tT][tT][pP][sS]?:\/\//, 'must begin with http:// or https://')
  .refine((url) => URL.canParse(url), { error: 'must be a URL', abort: true })
  .refine((url) => !hasCredentials(new URL(url)), 'must not carry a user name or password')
  .meta({ format: 'uri' });

const payloadSchema = z.strictObject({
  url: urlSchema,
  retryOnStatus: z
    .array(z.int().min(100).max(599))
    .max(100)
    .optional()
    .describe(
      'Answers with these statuses fail the attempt, and may be tried again; for example 429 and 503.',
    ),
});
type Payload = z.infer<typeof payloadSchema>;

const resultSchema = z.strictObject({
  status: z.int().min(0).max(999).describe('HTTP status of the last hop; 0 if no whole answer came.'),
  body: z
    .json()
    .describe('The parsed JSON; a string if the body is not JSON or was cut off; null if it is empty.'),
  truncated: z.boolean().describe(`The decoded body had more than ${maxBodyBytes} bytes, and was cut off.`),
  bytesReturned: z
    .int()
    .min(0)
    .max(maxBodyBytes)
    .describe('Bytes of the decoded body that `body` was made of.'),
  error: z.string().nullable().describe('What is wrong with the answer, or why there is none.'),
});
type Result = z.infer<typeof resultSchema>;

/** `HTTP_GET_JSON` over a network of the test's own making; the default export is over the system's. */
export function httpGetJson(network: Network): CommandType<Payload, Result> {
  return defineCommand({
    type: 'HTTP_GET_JSON',
    payload: payloadSchema,
    result: resultSchema,
    timeoutMs: 30_000,

    async execute(context) {
      const answer = await answerTo(context, network);
      const result = resultOf(answer);
      if (context.payload.retryOnStatus?.includes(answer.status)) throw toBeRetried(answer, result);
      return result;
    },
  });
}

export default httpGetJson(systemNetwork);

async function answerTo(context: ExecutionContext<Payload>, network: Network): Promise<Answer> {
  try {
    return await get(new URL(context.payload.url), {
      firstOriginHeaders: {
        'idempotency-key': context.commandId,
        'fencepost-attempt': String(context.attempt),
      },
      maxBodyBytes,
      signal: context.signal,
      network,
    });
  } catch (error) {
    if (error instanceof NoAnswer) throw unanswered(error);
    throw error;
  }
}

function resultOf(answer: Answer): Result {
  const { text, bytes, truncated, problem } = answer.body;
  // Half a JSON document is text, even if by chance it parses.
  const whole = !truncated && problem === null;
  const parsed = whole ? parseJsonText(text) : { value: text === '' ? null : text, problem };
  const problems = [answer.problem, parsed.problem].filter((each) => each !== null);
  return {
    status: answer.status,
    body: parsed.value,
    truncated,
    bytesReturned: bytes,
    error: problems.length > 0 ? problems.join('; ') : null,
  };
}

function toBeRetried(answer: Answer, result: Result): ExecutionError {
  const message = `${answer.host} answered ${answer.status}, which retryOnStatus lists`;
  return new ExecutionError(message, {
    result: { ...result, error: result.error === null ? message : `${message}; ${result.error}` },
    retryAfterMs: retryAfterMs(answer.header('retry-after'), answer.header('date')),
  });
}

function unanswered(error: NoAnswer): ExecutionError {
  return new ExecutionError(error.message, {
    result: {
      status: 0,
      body: null,
      truncated: false,
      bytesReturned: 0,
      error: error.message,
    } satisfies Result,
    retryable: error.retryable,
    cause: error,
  });
}

function hasCredentials(url: URL): boolean {
  return url.username !== '' || url.password !== '';
}
