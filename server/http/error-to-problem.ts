import { limits } from '../../shared/protocol/commands.js';
import { BrokenCommand } from '../../shared/store/command-reader.js';
import { RedisFull, RedisUnavailable } from '../redis/redis-fault.js';
import { invalid, Problem } from './problem.js';

/** The fields that body-parser and the router put on their errors. */
interface HttpError extends Error {
  readonly status: number;
  readonly type?: unknown;
  readonly limit?: unknown;
}

/**
 * The answer to anything that was thrown on the way to one.
 *
 * @param changesState whether the request asked for a change: then a lost Redis leaves its outcome open
 */
export function problemOf(error: unknown, changesState: boolean): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof RedisUnavailable) {
    return redisUnavailable(
      error.message,
      changesState ? (error.wasRefused ? 'refused' : 'unknown') : 'nothing',
      error,
    );
  }
  if (error instanceof RedisFull) {
    return new Problem('redis_full', 'Redis has no memory left for new commands; nothing was stored', {
      headers: { 'Retry-After': '5' },
      cause: error,
    });
  }
  if (error instanceof BrokenCommand) return brokenKey(error.key);
  if (isHttpError(error)) return httpProblem(error);
  return new Problem('internal_error', 'an unexpected fault; the log of the server has the details', {
    cause: error,
  });
}

/** Advice to the client, by what the request is known to have changed. */
const adviceWhenAway = {
  nothing: 'Nothing was changed: ask again',
  // When a request makes several changes, only this one was refused: the ones before it were made.
  refused: 'Redis refused the change, so it was not made: send it again with the same Idempotency-Key',
  unknown: 'Whether the request was carried out is unknown: send it again with the same Idempotency-Key',
} as const;

/** Redis is away: a read may simply be repeated, a write may have been carried out. */
export function redisUnavailable(
  why: string,
  changed: keyof typeof adviceWhenAway,
  cause?: unknown,
): Problem {
  const headers = { 'Retry-After': '1' };
  return new Problem('redis_unavailable', `${why}. ${adviceWhenAway[changed]}`, { headers, cause });
}

/** A name that is in use can be used again, and one of which nothing is kept goes by itself. */
export function tooManyQueues(): Problem {
  return new Problem(
    'too_many_queues',
    'as many queues are in use as MAX_QUEUES allows, and this one is not among them: name one that is ' +
      '(GET /queues), raise MAX_QUEUES, or wait until the commands of another are pruned',
    { errors: [{ field: 'queue', message: 'must be a queue that is in use' }] },
  );
}

/** An operator has to act: only a person can find out what the key holds, and whether it may be deleted. */
export function brokenKey(key: string): Problem {
  return new Problem(
    'redis_key_broken',
    `the key ${key} in Redis holds what Fencepost did not put there: delete it`,
  );
}

function isHttpError(error: unknown): error is HttpError {
  return error instanceof Error && 'status' in error && typeof error.status === 'number';
}

function httpProblem(error: HttpError): Problem {
  switch (error.type) {
    case 'entity.too.large':
      return bodyTooLarge(typeof error.limit === 'number' ? error.limit : limits.bodyBytes);
    case 'entity.verify.bounds':
      return invalid([{ field: 'body', message: error.message }]);
    case 'encoding.unsupported':
      return new Problem('unsupported_media_type', `${error.message}; send JSON in UTF-8, not compressed`);
    case 'request.aborted':
    case 'request.size.invalid':
      return new Problem('malformed_http', 'the body ended before it was complete');
    default:
      return new Problem(error.status < 500 ? 'invalid_request' : 'internal_error', error.message);
  }
}

/** @param limit in bytes */
export function bodyTooLarge(limit: number): Problem {
  return new Problem('body_too_large', `the body must be at most ${limit} bytes`, {
    errors: [{ field: 'body', message: `must be at most ${limit} bytes` }],
  });
}

/** @param error what JSON.parse threw */
export function malformedJson({ message }: SyntaxError): Problem {
  return new Problem('malformed_json', `the body is not JSON: ${syntaxFault(message)}`);
}

/** V8 quotes the text around the fault: a payload may be a secret, so only place and character are passed on. */
function syntaxFault(message: string): string {
  if (message.startsWith('Unexpected end')) return 'it ends too early';
  const place = / at position \d+/.exec(message)?.[0] ?? '';
  const character = /^Unexpected token '(.)'/su.exec(message)?.[1];
  return character === undefined ? `a syntax error${place}` : `unexpected '${character}'${place}`;
}
