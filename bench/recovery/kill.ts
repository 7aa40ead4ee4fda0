import { type Hit } from '../../testing/ledger.js';

/** The fate of a process that was killed: it is started again at once, or another takes over. */
export const fates = ['restarted', 'gone'] as const;
export type Fate = (typeof fates)[number];

/** One SIGKILL of a process with work in flight, and what followed. */
export interface Kill {
  /** Until each command that was in flight had ended, or was back in the queue. */
  readonly settledMs: number;
  /** Until a command that was submitted right after the kill was being executed. */
  readonly nextMs: number;
  /** How many of those in flight were executed more than once. */
  readonly executedTwice: number;
}

/** The whole of recovery: both. */
export const recoveredMs = ({ settledMs, nextMs }: Kill) => Math.max(settledMs, nextMs);

export interface Killed {
  readonly atMs: number;
  readonly settledAtMs: number;
  /** The ledger's names of what was in flight, and of what was submitted right after. */
  readonly inFlight: readonly string[];
  readonly next: string;
}

/** @param hits of the ledger, all those of what was in flight among them */
export function whatFollowed({ atMs, settledAtMs, inFlight, next }: Killed, hits: readonly Hit[]): Kill {
  const executions = new Map(inFlight.map((id) => [id, 0]));
  let nextAtMs = 0;
  for (const { commandId, atMs: hitAtMs } of hits) {
    if (commandId === next) nextAtMs = hitAtMs;
    const before = executions.get(commandId);
    if (before !== undefined) executions.set(commandId, before + 1);
  }
  const executedTwice = [...executions.values()].filter((count) => count > 1).length;
  return { settledMs: settledAtMs - atMs, nextMs: nextAtMs - atMs, executedTwice };
}
