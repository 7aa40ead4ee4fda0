import { type Exit } from '../shared/testing/processes.js';
import { type Arm } from './schedule.js';

/** A process that ended, and nobody had killed it. */
export interface Ended {
  readonly exit: Exit;
  readonly lines: readonly string[];
  /** What it was told at its start. */
  readonly arm: Arm | null;
  /**
   * How often in a row its agent, which lost its data, was refused its name before this; null when it
   * has had the name since, or lost nothing.
   */
  readonly refusals: number | null;
}

/** `refused its name`: it is to be started again, as every supervisor does; `by itself`: a trouble. */
export type Ending = 'as told' | 'refused its name' | 'by itself';

/**
 * How often in a row that may be. Each refusal takes another sign of life of the predecessor that is
 * dead. What faults hold back of those comes within a few leases, and half a lease lies between two
 * tries: whoever is refused more often than that is kept out by something else.
 */
const mostRefusals = 6;

/**
 * What it ended of. An agent that comes back without its data is another one to Fencepost, and has to
 * wait until its predecessor was silent for a lease. A late poll of that, or a heartbeat that stood in a
 * line that was cut or at a server that was frozen, looks as if it were alive; the agent then ends, so
 * that two agents with one name are noticed.
 */
export function endingOf({ exit: { code, signal }, lines, arm, refusals }: Ended): Ending {
  const said = (words: string) => lines.some((line) => line.includes(words));
  if (arm?.flag === 'crash-at' && signal === 'SIGKILL' && said('dying, as told')) return 'as told';
  const isRefused = code === 1 && lines.some((line) => line.startsWith('another agent holds this name: '));
  return isRefused && refusals !== null && refusals < mostRefusals ? 'refused its name' : 'by itself';
}
