import { z } from 'zod';

/**
 * The patterns that zod writes into schemas by itself. Some look around where no automaton can, and
 * all are bounded by what they are anchored at: a test runs each on texts that are made to be hard.
 */
export const nativePatterns: ReadonlySet<string> = new Set(
  Object.values(z.regexes).flatMap((regex) => (regex instanceof RegExp ? [regex.source] : [])),
);
