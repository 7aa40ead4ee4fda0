import { errorCode } from '../../shared/runtime/error-code.js';
import { unusable } from '../../shared/store/unusable-redis.js';

/** Redis does not answer, or may not be asked now. The outcome of a write is unknown, unless it was refused. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable';
  /** Whether Redis has answered that it does not carry out the call. */
  readonly wasRefused: boolean;

  constructor(message: string, options: ErrorOptions & { readonly wasRefused?: boolean } = {}) {
    super(message, options);
    this.wasRefused = options.wasRefused ?? false;
  }
}

/** Redis has no memory for new work. Nothing was stored. */
export class RedisFull extends Error {
  override readonly name = 'RedisFull';
}

/** Replies of Redis, or its cluster, that it cannot serve now; the last three, that this server may not ask. */
const refusals =
  /^(LOADING|READONLY|MISCONF|MASTERDOWN|CLUSTERDOWN|NOREPLICAS|BUSY|TRYAGAIN|UNBLOCKED|NOAUTH|WRONGPASS|NOPERM)\b/;

/** Messages of ioredis for a connection that broke, or that it gave up on. */
const broken =
  /^(Command timed out|Connection is closed|Command aborted|Socket timeout|Socket closed|Stream isn't writeable|Reached the max retries)/;

/** Whether Redis answered, but only that it does not serve. */
export function isRefusal(error: unknown): error is Error {
  return error instanceof Error && refusals.test(error.message);
}

/**
 * Whether Redis refused the whole call, and so has not carried out any of it. The error of a script that was refused
 * something half-way names the script, which may have written before.
 */
export function isWholeRefusal(error: unknown): boolean {
  return isRefusal(error) && !/script: [0-9a-f]{40}|@user_script/.test(error.message);
}

/** Any answer at all, also a refusal: Redis is there. */
export const isAnswer = (error: unknown): error is Error =>
  error instanceof Error && error.name === 'ReplyError';

/** No answer came in time. */
export function isTimeout(error: unknown): boolean {
  return (
    error instanceof RedisUnavailable || (error instanceof Error && error.message === 'Command timed out')
  );
}

/**
 * Turns what ioredis throws into the two faults that a caller can act on; the rest is a bug here or in a script.
 *
 * @param wasSentOnce whether the call cannot have been sent before, over a connection that broke: a
 *   refusal then means that nothing was carried out
 */
export function asFault(error: unknown, wasSentOnce = false): unknown {
  if (error instanceof RedisUnavailable || error instanceof RedisFull) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (/^OOM\b/.test(text)) return new RedisFull(text, { cause: error });
  const isSystemError = /^E[A-Z]+$/.test(errorCode(error) ?? '');
  const isAway = isSystemError || isRefusal(error) || unusable(error) !== undefined || broken.test(text);
  if (!isAway) return error;
  return new RedisUnavailable(text, { cause: error, wasRefused: wasSentOnce && isWholeRefusal(error) });
}
