/** A target whose header has a date in 2099 must not postpone a command for as long as a client may. */
export const longestRetryAfterMs = 24 * 3600 * 1000;

/**
 * The pause that a `Retry-After` asks for, in ms, at most a day; 0 without one, or for one that cannot be read.
 *
 * @param answeredAt the answer's own `Date` header: between two times of one clock lies a pause that
 * is right even when that clock, or ours, is wrong
 */
export function retryAfterMs(retryAfter: string | undefined, answeredAt: string | undefined): number {
  if (retryAfter === undefined) return 0;
  const value = retryAfter.trim();
  const pauseMs = /^\d+$/.test(value)
    ? Number(value) * 1000
    : parseDate(value) - (parseDate(answeredAt) || Date.now());
  return Number.isNaN(pauseMs) ? 0 : Math.min(Math.max(pauseMs, 0), longestRetryAfterMs);
}

/** NaN for what is no HTTP date. Every form of one begins with a weekday; `Date.parse` alone reads "-5" as 2001. */
function parseDate(value: string | undefined): number {
  return value !== undefined && /^[A-Z][a-z]{2,8},? /.test(value) ? Date.parse(value) : NaN;
}
