import { isAborted } from '../../shared/runtime/service.js';
import { type Mutant } from './mutant.js';
import { type MutantRunResult, resultText, tryMutant } from './mutant-run.js';

export interface MutantRunsOptions {
  readonly mutants: readonly Mutant[];
  readonly seed: number;
  readonly print: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Tests the history checker itself: one chaos run for each mutant.
 *
 * @returns the exit code: 1 when a run has not found its mutant
 */
export async function runMutants({ mutants, seed, print, signal }: MutantRunsOptions): Promise<0 | 1> {
  const results: MutantRunResult[] = [];
  for (const mutant of mutants) {
    if (signal && isAborted(signal)) break;
    const result = await tryMutant(mutant, { seed, signal });
    results.push(result);
    print(resultText(result));
    if (!result.found) for (const trouble of result.troubles) print(`   ${trouble}`);
  }
  const found = results.filter((result) => result.found).length;
  print(`${found} of ${mutants.length} mutants found`);
  return found === mutants.length ? 0 : 1;
}
