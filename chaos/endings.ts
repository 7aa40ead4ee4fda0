import { type Exit } from '../testing/processes.js';
import { type Arm } from './schedule.js';

/** A process that ended without having been killed by the harness. */
export interface Ended {
  readonly exit: Exit;
  readonly lines: readonly string[];
  /** How the process was armed at its start; null: not at all. */
  readonly arm: Arm | null;
  /**
   * How often in a row its agent, which lost its data, was refused its name before this; null when it
   * has had the name since, or lost nothing.
   */
  readonly refusals: number | null;
}

/** `refused its name`: it must be started again, as every supervisor does; `by itself`: an error of the run. */
export type Ending = 'as armed' | 'refused its name' | 'by itself';

/**
 * How many refusals in a row are tolerated. Each refusal takes another sign of life of the dead predecessor.
 * Signs that faults delay arrive within a few leases, and half a lease lies between two tries: an agent that is
 * refused more often than that is kept out by something else.
 */
const mostRefusals = 6;

/**
 * Classifies how a process ended. An agent that comes back without its data is another agent to Fencepost, and
 * has to wait until its predecessor was silent for a lease. A late poll of the predecessor, or a heartbeat that
 * was held up on a cut link or at a frozen server, makes it look alive; the agent then ends, so that two agents
 * with one name are noticed.
 */
export function endingOf({ exit: { code, signal }, lines, arm, refusals }: Ended): Ending {
  const said = (words: string) => lines.some((line) => line.includes(words));
  if (arm?.flag === 'crash-at' && signal === 'SIGKILL' && said('fault injection: SIGKILL')) return 'as armed';
  const isRefused = code === 1 && lines.some((line) => line.startsWith('another agent holds this name: '));
  return isRefused && refusals !== null && refusals < mostRefusals ? 'refused its name' : 'by itself';
}
