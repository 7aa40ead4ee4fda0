import { type OnAgentLost } from '../../shared/protocol/commands.js';
import { type ClientLog } from '../client-log.js';
import { type Fields } from '../command-state.js';
import { type Hit } from '../ledger.js';
import { type Rest } from '../rest.js';
import { type Trails } from '../trails.js';
import { type Transition } from '../transition.js';

/** Their numbers in docs/explanation/architecture.md. */
export type InvariantNumber = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

export interface Violation {
  readonly invariant: InvariantNumber;
  /** null: it is about no single command. */
  readonly commandId: string | null;
  readonly what: string;
  /** The observation, and where it was made: for reading, not for programs. */
  readonly evidence: unknown;
}

/**
 * A fault that the run injected, by the wall clock of the machine that Redis runs on, and what it
 * explains. The less a run lets it explain, the more violations are found.
 */
export interface Fault {
  readonly what: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Agents whose attempts it may cost; all agents when left out. */
  readonly agents?: readonly string[] | undefined;
  /** Attempts of commands with this policy only; of all when left out. */
  readonly onAgentLost?: OnAgentLost | undefined;
  /** How long after it began an attempt is lost to it at the earliest: no agent is lost before its lease ends. */
  readonly leastMs?: number | undefined;
  /** Whether the agent had just written the outcome of one attempt at least to its disk. */
  readonly journalled?: boolean | undefined;
}

/**
 * `none`: the run had no fault, so nothing may be lost, late or unknown. A list: every loss and every
 * unknown must overlap one of them. `any`: faults were injected, but when is not known.
 */
export type Faults = 'none' | 'any' | readonly Fault[];

/** Everything that was gathered from the four independent sources, once the run was over. */
export interface Evidence {
  readonly clients: ClientLog;
  /** From the append-only file. */
  readonly trails: Trails;
  /** From Redis's keys. */
  readonly rest: Rest;
  /** The last hash of every command: at rest, or when it was deleted after it had ended. */
  readonly lastSeen: ReadonlyMap<string, Fields>;
  /** How long an ended command must be kept. */
  readonly retentionMs: number;
  readonly faults: Faults;
  readonly mayBeUnfinished: (commandId: string) => boolean;
  /** Whether a command's effect, if it has one, must show in the ledger. */
  readonly aimsAtLedger: (fields: Fields) => boolean;
  /** The part of a stored result that is the ledger's answer. */
  readonly answerIn: (result: unknown) => unknown;
}

export class HitsByCommand {
  readonly all: readonly Hit[];
  readonly #byId = new Map<string, Hit[]>();

  constructor(all: readonly Hit[]) {
    this.all = all;
    for (const hit of all) {
      const hits = this.#byId.get(hit.commandId);
      if (hits) hits.push(hit);
      else this.#byId.set(hit.commandId, [hit]);
    }
  }

  of(commandId: string): readonly Hit[] {
    return this.#byId.get(commandId) ?? [];
  }

  ids(): IterableIterator<string> {
    return this.#byId.keys();
  }
}

export type Say = (commandId: string | null, what: string, evidence: unknown) => void;

/** One promise and how it is judged, against each source that can speak about it. */
export interface Invariant {
  readonly number: InvariantNumber;
  readonly promise: string;
  /** Called for every transition of every command, in the order of the append-only file. */
  ofTransition?(transition: Transition, say: Say): void;
  /** Called once, when all has come to rest. */
  atRest?(evidence: Evidence, say: Say): void;
  /** Called after the states were read, and again when late effects have had time to arrive. */
  ofEffects?(evidence: Evidence, hits: HitsByCommand, say: Say): void;
}

/** A transition as evidence. */
export const seenIn = ({ where, before, after, writes }: Transition) => ({ where, before, after, writes });
