import { z } from 'zod';
import { startProcess } from '../../shared/testing/processes.js';
import { type PlantedBug } from './planted-bug.js';
import { Planting } from './planting.js';

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

export interface TrialResult extends Sight {
  readonly bug: PlantedBug;
  readonly seed: number;
  /** The number of threads that reported having the bug. */
  readonly plantedIn: number;
  /** Whether the run had the bug, and the history checker found one of the violations that it causes. */
  readonly found: boolean;
}

export interface TrialOptions {
  readonly seed: number;
  /** Aborted: what was seen until then counts. */
  readonly signal?: AbortSignal | undefined;
}

/** Two minutes at most, in which the last round must also come to rest and be checked. */
const runSeconds = 100;
/** A round that never comes to rest is waited for; beyond this, something is wrong with the harness. */
const longestMs = 300_000;

/** Lets a chaos run look for a bug, which it does not know of. It ends as soon as it has found something. */
export async function tryBug(bug: PlantedBug, { seed, signal }: TrialOptions): Promise<TrialResult> {
  const planting = await Planting.begin(bug);
  const run = startProcess(['dist/chaos/planted/trial-main.js', String(seed), String(runSeconds)], {
    env: planting.env,
  });
  const stop = () => run.kill('SIGTERM');
  signal?.addEventListener('abort', stop, { once: true });
  try {
    const line = await run.waitForLine(/^\{"seconds":/, { timeoutMs: longestMs });
    const sight = sightSchema.parse(JSON.parse(line));
    const notes = planting.notes();
    const isPlanted = notes.length > 0 && notes.every(({ planted }) => planted);
    const found = isPlanted && sight.violations.some(({ invariant }) => bug.breaks.includes(invariant));
    return { ...sight, bug, seed, plantedIn: notes.length, found };
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
    await run.exited;
    await planting.end();
  }
}

/** `5: it is RUNNING, but its entry is gone`: the first of them, and how many more. */
export function resultText({
  bug,
  found,
  seconds,
  faults,
  violations,
  plantedIn,
  seed,
}: TrialResult): string {
  const [first] = violations.filter(({ invariant }) => !found || bug.breaks.includes(invariant));
  const what = first ? `${first.invariant}: ${first.what}` : 'nothing';
  const verdict = found ? 'found' : plantedIn === 0 ? 'NOT PLANTED' : 'NOT FOUND';
  const invariants = [...new Set(violations.map(({ invariant }) => invariant))].join(', ');
  return `${bug.name}: ${verdict} after ${seconds.toFixed(0)} s and ${faults} faults (seed ${seed}; invariants ${invariants || 'none'}; ${what})`;
}
