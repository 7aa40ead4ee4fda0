/**
 * How much of the long tests is run: `npm test` runs a short form of each, `TESTS=long`, which `.ci/long` sets,
 * runs everything.
 */
export const isLong = process.env['TESTS'] === 'long';

/** @returns the first in a long run, else the second */
export const byExtent = <T>(long: T, short: T): T => (isLong ? long : short);

/**
 * All cases of a table in a long run, else every other one. Two tables of the same points and policies leave out
 * different ones: between them each point is tried under each policy.
 *
 * @param cases with two in a row for each point, one per policy
 * @param from 1: those that 0 leaves out
 */
export function sampled<T>(cases: readonly T[], from: 0 | 1 = 0): readonly T[] {
  return isLong ? cases : cases.filter((_, i) => (i + Math.floor(i / 2)) % 2 === from);
}
