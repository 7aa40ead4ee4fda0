import { isAborted } from '../../shared/runtime/service.js';
import { type PlantedBug } from './planted-bug.js';
import { type TrialResult, resultText, tryBug } from './trial.js';

export interface TrialsOptions {
  readonly bugs: readonly PlantedBug[];
  readonly seed: number;
  readonly print: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Tests the history checker itself: one chaos run for each bug.
 *
 * @returns the exit code: 1 when a run has not found its bug
 */
export async function runTrials({ bugs, seed, print, signal }: TrialsOptions): Promise<0 | 1> {
  const results: TrialResult[] = [];
  for (const bug of bugs) {
    if (signal && isAborted(signal)) break;
    const result = await tryBug(bug, { seed, signal });
    results.push(result);
    print(resultText(result));
    if (!result.found) for (const trouble of result.troubles) print(`   ${trouble}`);
  }
  const found = results.filter((result) => result.found).length;
  print(`${found} of ${bugs.length} planted bugs found`);
  return found === bugs.length ? 0 : 1;
}
