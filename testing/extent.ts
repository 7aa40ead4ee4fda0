/**
 * How much of the long tests is run: `npm test` runs a short form of each, `TESTS=long`, which `.ci/long` sets,
 * runs everything.
 */
export const isLong = process.env['TESTS'] === 'long';

/** @returns the first in a long run, else the second */
export const byExtent = <T>(long: T, short: T): T => (isLong ? long : short);

/**
 * All cases of a table in a long run, else one of `of`. Tables of the same cases leave out different ones: with each
 * `from` below `of` once, each case is tried in one of them.
 *
 * @param from which of them: where in the table the sample begins
 * @param of also how far the sample moves on after so many cases, so that it does not stay with one policy
 */
export function sampled<T>(cases: readonly T[], from = 0, of = 2): readonly T[] {
  return isLong ? cases : cases.filter((_, i) => (i + Math.floor(i / of)) % of === from);
}
