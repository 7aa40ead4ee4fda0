import { type AofWrite } from './aof-log.js';
import { type CommandState, type Place } from './command-state.js';

/** The effect of one transaction on one command: the step from one state to the next, and how. */
export interface Transition {
  readonly commandId: string;
  /** `file:byte` in the append-only directory. */
  readonly where: string;
  /**
   * From the first base file, which is empty unless Redis held commands before it had an append-only
   * file: a state that is taken as given, not a step.
   */
  readonly restated: boolean;
  /**
   * About when, by Redis's clock in ms: the newest time that this transaction, or one before it,
   * mentions. The log itself knows no times.
   */
  readonly atMs: number;
  readonly before: CommandState;
  readonly after: CommandState;
  /** Where the entry that was current before is afterwards; `gone` if there was none. */
  readonly formerEntry: Place;
  /** Every status that was written, in order: one transaction may put a command back and start it. */
  readonly statuses: readonly string[];
  /** How many writes its hash received, deletion excluded. */
  readonly hashWrites: number;
  readonly markersSet: readonly MarkerSet[];
  /** Nothing was to be started from its queue when this transaction began. */
  readonly queuePaused: boolean;
  /** The command's entries that changed hands, by delivery, renewal, start or recovery. */
  readonly claims: readonly { readonly entry: string; readonly consumer: string }[];
  /** The additions to its history: JSON text. */
  readonly history: readonly string[];
  /** The writes themselves, for a reader of the evidence. */
  readonly writes: readonly AofWrite[];
}

export interface MarkerSet {
  readonly value: string;
  /** `SET … NX`, `SETNX` or `MSETNX`, and nothing else: it cannot replace a marker, and it has no time to live. */
  readonly onlyIfAbsent: boolean;
  /** The newest session registered for that agent, or null if it never registered. */
  readonly newestSession: string | null;
}
