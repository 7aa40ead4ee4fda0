import { isAborted } from '../../shared/runtime/service.js';
import { bugNamed, plantedBugs } from './bugs.js';
import { type TrialResult, resultText, tryBug } from './trial.js';

export interface TrialsOptions {
  /** A bug's name, or `all`. */
  readonly planted: string;
  readonly seed: number;
  readonly print: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Tries the judge itself: a chaos run for each bug.
 *
 * @returns the exit code: 1 when a run has not found its bug
 * @throws when there is no such bug
 */
export async function runTrials({ planted, seed, print, signal }: TrialsOptions): Promise<0 | 1> {
  const bugs = planted === 'all' ? plantedBugs : [bugNamed(planted)];
  const results: TrialResult[] = [];
  for (const bug of bugs) {
    if (signal && isAborted(signal)) break;
    const result = await tryBug(bug, seed);
    results.push(result);
    print(resultText(result));
    if (!result.found) for (const trouble of result.troubles) print(`   ${trouble}`);
  }
  const found = results.filter((result) => result.found).length;
  print(`${found} of ${bugs.length} planted bugs found`);
  return found === bugs.length ? 0 : 1;
}
