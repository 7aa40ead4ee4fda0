import { mutantNamed } from '../chaos/mutants/mutants.js';
import { byExtent } from '../testing/extent.js';
import { resultText, tryMutant } from '../chaos/mutants/mutant-run.js';

/**
 * The history checker itself is under test: mutants that a chaos run has to find. Here is the one that it finds
 * first, four with `TESTS=long`; `npm run chaos -- --mutants=all` tries all.
 */

const seed = Number(process.env.SEED ?? 1);

const soonFound = [
  'markers-overwritten',
  'put-back-without-acknowledging',
  'lost-is-never-started',
  'lost-means-not-executed',
];

test.each(byExtent(soonFound, soonFound.slice(0, 1)))(`a chaos run finds %s (SEED=${seed})`, async (name) => {
  const result = await tryMutant(mutantNamed(name), { seed });
  // With all that the run saw in the message, should it have found nothing.
  expect(result.found ? 'found' : resultText(result)).toBe('found');
  expect(result.troubles).toEqual([]);
});
