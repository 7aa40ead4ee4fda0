import { z } from 'zod';
import { startProcess } from '../../testing/processes.js';
import { type Mutant } from './mutant.js';
import { Mutation } from './mutation.js';

const sightSchema = z.object({
  seconds: z.number(),
  /** Verified. */
  faults: z.int(),
  accepted: z.int(),
  violations: z.array(
    z.object({
      invariant: z.literal([1, 2, 3, 4, 5, 6, 7, 8]),
      commandId: z.string().nullable(),
      what: z.string(),
    }),
  ),
  troubles: z.array(z.string()),
  histories: z.array(z.array(z.string())),
});
/** The observations of a chaos run. */
export type Sight = z.infer<typeof sightSchema>;

export interface MutantRunResult extends Sight {
  readonly mutant: Mutant;
  readonly seed: number;
  /** The number of threads that reported having the mutant. */
  readonly appliedIn: number;
  /** Whether the run had the mutant, and the history checker found one of the violations that it causes. */
  readonly found: boolean;
}

export interface MutantRunOptions {
  readonly seed: number;
  /** Aborted: what was seen until then counts. */
  readonly signal?: AbortSignal | undefined;
}

/** Two minutes at most, in which the last round must also come to rest and be checked. */
const runSeconds = 100;
/** A round that never comes to rest is waited for; beyond this, something is wrong with the harness. */
const longestMs = 300_000;

/** Lets a chaos run look for a mutant, which it does not know of. It ends as soon as it has found something. */
export async function tryMutant(
  mutant: Mutant,
  { seed, signal }: MutantRunOptions,
): Promise<MutantRunResult> {
  const mutation = await Mutation.begin(mutant);
  const run = startProcess(['dist/chaos/mutants/mutant-run-main.js', String(seed), String(runSeconds)], {
    env: mutation.env,
  });
  const stop = () => run.kill('SIGTERM');
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const line = await run.waitForLine(/^\{"seconds":/, { timeoutMs: longestMs });
    const sight = sightSchema.parse(JSON.parse(line));
    const notes = mutation.notes();
    const isApplied = notes.length > 0 && notes.every(({ applied }) => applied);
    const found = isApplied && sight.violations.some(({ invariant }) => mutant.breaks.includes(invariant));
    return { ...sight, mutant, seed, appliedIn: notes.length, found };
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
    await run.exited;
    await mutation.end();
  }
}

/** `5: it is RUNNING, but its entry is gone`: the first of them, and how many more. */
export function resultText({
  mutant,
  found,
  seconds,
  faults,
  violations,
  appliedIn,
  seed,
}: MutantRunResult): string {
  const [first] = violations.filter(({ invariant }) => !found || mutant.breaks.includes(invariant));
  const what = first ? `${first.invariant}: ${first.what}` : 'nothing';
  const verdict = found ? 'found' : appliedIn === 0 ? 'NOT APPLIED' : 'NOT FOUND';
  const invariants = [...new Set(violations.map(({ invariant }) => invariant))].join(', ');
  return `${mutant.name}: ${verdict} after ${seconds.toFixed(0)} s and ${faults} faults (seed ${seed}; invariants ${invariants || 'none'}; ${what})`;
}
