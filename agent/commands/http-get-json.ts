import { z } from 'zod';
import { keptMessage } from '../../shared/protocol/error-message.js';
import { type Body } from '../http/body.js';
import type * as overHttp from '../http/get.js';
import { type Answer } from '../http/get.js';
import { type Network } from '../http/guarded-agent.js';
import { parseJsonText } from '../http/json-text.js';
import { TransportFailure } from '../http/transport-failure.js';
import { retryAfterMs } from '../http/retry-after.js';
import { ExecutionError, type CommandType, type ExecutionContext } from './command-type.js';
import { defineCommand } from './define-command.js';
import { parseUrl } from '../../shared/runtime/parse-url.js';

export const maxBodyBytes = 102_400;
/** Most bytes of `body` as JSON, in which a control character has six: a bomb of control characters is cut as well. */
const maxStoredBytes = 4 * maxBodyBytes;
/**
 * However long an attempt may take, an answer of 100 KiB is there by then, or never comes: a target that sends
 * a byte now and then, or interim answers for ever, must not hold an agent for the 30 days of a `timeoutMs`.
 */
export const longestAnswerMs = 10 * 60 * 1000;

// The scheme in letters of both cases and not with the flag `i`, which JSON Schema has no place for.
const urlSchema = z
  .string()
  .max(2048)
  .regex(/^[hH][tT][tT][pP][sS]?:\/\//, 'must begin with http:// or https://')
  .refine((url) => parseUrl(url) !== undefined, { error: 'must be a URL', abort: true })
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

/** `HTTP_GET_JSON`, over the system's network or over a test's own. */
export function httpGetJson(network?: Network): CommandType<Payload, Result> {
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

export default httpGetJson();

async function answerTo(context: ExecutionContext<Payload>, network: Network | undefined): Promise<Answer> {
  // Loaded with the first URL only: undici takes a third of the time in which an agent starts.
  // oxlint-disable-next-line typescript/no-require-imports
  const { get } = require('../http/get.js') as typeof overHttp;
  const ended = new AbortController();
  const { signal } = context;
  const stop = () => ended.abort(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(
    () =>
      ended.abort(new Error(`not done after ${longestAnswerMs} ms, for which an answer is waited at most`)),
    longestAnswerMs,
  );
  try {
    return await get(new URL(context.payload.url), {
      firstOriginHeaders: {
        'idempotency-key': context.commandId,
        'fencepost-attempt': String(context.attempt),
      },
      maxBodyBytes,
      signal: ended.signal,
      network,
    });
  } catch (error) {
    if (error instanceof TransportFailure) throw unanswered(error);
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

function resultOf(answer: Answer): Result {
  const { text, bytes, truncated, problem, garbled } = storable(answer.body);
  // Half a JSON document is text, even if by chance it parses.
  const whole = !truncated && problem === null;
  const parsed = whole ? parseJsonText(text) : { value: text === '' ? null : text, problem };
  const problems = [answer.problem, garbled, parsed.problem].filter((each) => each !== null);
  return {
    status: answer.status,
    body: parsed.value,
    truncated,
    bytesReturned: bytes,
    error: problems.length > 0 ? problems.join('; ') : null,
  };
}

/** Cuts a body to as much as `maxStoredBytes` of JSON can hold. */
function storable(body: Body): Body {
  const { bytes } = body;
  if (jsonBytes(body.text) <= maxStoredBytes) return body;
  let most = body.text.length;
  // At the worst a character has six bytes as JSON: this ends after a few rounds.
  while (jsonBytes(keptMessage(body.text, most)) > maxStoredBytes) most = Math.floor(most * 0.7);
  const text = keptMessage(body.text, most);
  return { ...body, text, bytes: Math.min(bytes, Buffer.byteLength(text)), truncated: true };
}

const jsonBytes = (text: string) => Buffer.byteLength(JSON.stringify(text));

function toBeRetried(answer: Answer, result: Result): ExecutionError {
  const message = `${answer.host} answered ${answer.status}, which retryOnStatus lists`;
  return new ExecutionError(message, {
    result: { ...result, error: result.error === null ? message : `${message}; ${result.error}` },
    retryAfterMs: retryAfterMs(answer.header('retry-after'), answer.header('date')),
  });
}

function unanswered(error: TransportFailure): ExecutionError {
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
