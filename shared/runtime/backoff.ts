export interface BackoffOptions {
  /** The ceiling of the first pause. */
  readonly firstMs: number;
  /** The ceiling that no pause exceeds. */
  readonly maxMs: number;
  /** A number in [0, 1); tests give their own. */
  readonly random?: () => number;
}

/**
 * How long to pause before try `failures + 1`: exponential, capped, with full jitter, so that
 * processes that failed together do not come back together.
 *
 * @param failures how many tries have failed so far; 1 after the first
 */
export function backoffMs(
  failures: number,
  { firstMs, maxMs, random = Math.random }: BackoffOptions,
): number {
  return Math.floor(random() * ceilingMs(failures, firstMs, maxMs));
}

/** The same without jitter: `firstMs`, twice that, four times that … `maxMs`; 0 before any failure. */
export function ceilingMs(failures: number, firstMs: number, maxMs: number): number {
  if (failures < 1) return 0;
  // 2 ** 1100 is Infinity: Math.min keeps it to maxMs.
  return Math.min(maxMs, firstMs * 2 ** (failures - 1));
}
