import { type SeenCommand } from '../client-log.js';
import { HandMadeRun } from '../hand-made-run.js';
import { type Faults } from '../invariants.js';

/** A run with one thing wrong in it, and every violation that the history checker must report: no more, no less. */
export interface Plant {
  /** The fault, as the end of the sentence 'the judge finds …'. */
  readonly name: string;
  readonly plant: (run: HandMadeRun) => Promise<unknown>;
  /** `<invariant> <command>: <what>`, by invariant. */
  readonly found: readonly string[];
  readonly faults?: Faults;
}

/** Plays the run on a Redis of its own and has it judged. */
export async function findings({ plant, faults = 'any' }: Plant): Promise<string[]> {
  const run = await HandMadeRun.start();
  try {
    await plant(run);
    const { violations } = await run.judge({ faults });
    return violations.map(
      ({ invariant, commandId, what }) => `${invariant} ${commandId ?? '(all)'}: ${what}`,
    );
  } finally {
    await run.stop();
  }
}

/** A view that a client might be shown. */
export const seen = (
  commandId: string,
  status: string,
  attempt: number,
  result: string | null = null,
): SeenCommand => ({ commandId, status, attempt, result });
