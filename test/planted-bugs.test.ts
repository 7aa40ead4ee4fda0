import { bugNamed } from '../chaos/planted/bugs.js';
import { resultText, tryBug } from '../chaos/planted/trial.js';

/**
 * The judge is judged: bugs that a chaos run has to find. Here are three of them that it finds soon;
 * `npm run chaos -- --planted=all` tries all.
 */

const seed = Number(process.env.SEED ?? 1);

test.each(['lost-is-never-started', 'put-back-without-acknowledging', 'lost-means-not-executed'])(
  `a chaos run finds %s (SEED=${seed})`,
  async (name) => {
    const result = await tryBug(bugNamed(name), { seed });
    // With all that the run saw in the message, should it have found nothing.
    expect(result.found ? 'found' : resultText(result)).toBe('found');
    expect(result.troubles).toEqual([]);
  },
);
