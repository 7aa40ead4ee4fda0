/** A moment, by two clocks: the monotonic one stops while a machine is suspended, the other one can be set. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** Now. Moments of all threads of a process can be compared. */
export function now(): Moment {
  return { monotonicMs: Number(process.hrtime.bigint() / 1_000_000n), wallMs: Date.now() };
}

/** Returns how long ago a moment was, by the clock that shows more: a caller must never believe to be early. */
export function elapsedMs(since: Moment, at: Moment = now()): number {
  return Math.max(at.monotonicMs - since.monotonicMs, at.wallMs - since.wallMs);
}

/** The moment so many ms after another. */
export const after = (moment: Moment, ms: number): Moment => ({
  monotonicMs: moment.monotonicMs + ms,
  wallMs: moment.wallMs + ms,
});
