import { type Counts, type Violation } from '../testing/invariants.js';

/**
 * The actions, observations and conclusions of a run: written by the rounds, read by the report in all of its
 * forms.
 */

/** Every way in which a run hurts processes on loopback. */
export const faultKinds = [
  'agent killed',
  'agent killed at a point',
  'agent stopped',
  'agent frozen',
  'agent frozen at a point',
  'server killed',
  'server killed at a point',
  'server frozen',
  'Redis killed',
  'Redis killed while loading',
  'Redis killed while rewriting',
  'Redis frozen',
  'link down',
  'link half open',
  'link slow',
  'link fragmented',
  'reply lost',
  'request late',
  'entry duplicated',
  'queue paused',
] as const;
export type ProcessFaultKind = (typeof faultKinds)[number];

/** Every way in which the compose profile hurts containers. */
export const containerFaultKinds = [
  'agent container killed',
  'agent container restarted',
  'agent container paused',
  'agent container cut off',
  'server container killed',
  'server container restarted',
  'server container paused',
  'server container cut off',
  'Redis container killed',
  'Redis container restarted',
  'Redis container paused',
  'Redis container cut off',
] as const;
export type ContainerFaultKind = (typeof containerFaultKinds)[number];

/** In the order of reports. */
export const everyFaultKind = [...faultKinds, ...containerFaultKinds] as const;
export type FaultKind = (typeof everyFaultKind)[number];

/** One fault, from the plan to the recovery from it. Times are ms since the round began. */
export interface FaultRecord {
  readonly kind: FaultKind;
  /** For people: `agent-2`, `server-1`, `redis`, `agent-2 → Redis`. */
  readonly target: string;
  /** The crash point, or the call whose reply or request was hit; null where the kind is enough. */
  readonly point: string | null;
  /** At which event of the round it was due: faults fire on events, not on the clock. */
  readonly event: number;
  readonly injectedMs: number;
  /** When it was seen to have happened; null if it never was, and then it counts for nothing. */
  readonly verifiedMs: number | null;
  /** The evidence that it happened: `exit by SIGKILL`, `state T`, `812 bytes dropped`. */
  readonly proof: string | null;
  /** Process back, thawed, link whole; null if the round ended before. */
  readonly healedMs: number | null;
  /** Commands delivered to the hit process, or under way on the hit link or Redis, and not yet ended. */
  readonly inFlight: readonly string[];
  /**
   * When each command of `inFlight` had moved on: ended, requeued, or started anew; null while one had not, or
   * if there were none.
   */
  readonly recoveredMs: number | null;
  /** Other faults that were verified and not healed when it hit. */
  readonly overlapping: number;
}

/** Evidence that the guards were really needed. A run below a floor of these has proved nothing. */
export interface Tally {
  /** Starts, renewals, reports or releases of a stale session, attempt or entry: refused. */
  readonly zombiesRefused: number;
  /** Calls sent again whose first had been carried out: answered the same, nothing changed. */
  readonly resentAbsorbed: number;
  /** Requests delivered after their sender gave up or died: refused, or known to have been carried out. */
  readonly lateRefused: number;
  /** Submissions sent again with their key, answered with the first id. */
  readonly submissionsDeduplicated: number;
  /** Second entries of one command that ended nothing and started nothing. */
  readonly doubledEntriesAbsorbed: number;
}

/** One reading of a round in progress, for the plots and the live line. */
export interface Sample {
  readonly atMs: number;
  readonly accepted: number;
  readonly ended: number;
  /** Accepted and not ended. */
  readonly open: number;
}

export interface RoundRecord {
  readonly number: number;
  readonly seed: number;
  readonly agents: readonly ('redis' | 'http')[];
  readonly servers: number;
  readonly leaseMs: number;
  readonly durationMs: number;
  /** From the last healing until nothing was PENDING or RUNNING; null: it never came to rest. */
  readonly restMs: number | null;
  readonly faults: readonly FaultRecord[];
  readonly samples: readonly Sample[];
  /** How often the machine was too busy for the lease: no fault explains what agents gave up then. */
  readonly stalls: number;
  readonly tally: Tally;
  readonly counts: Counts;
  readonly violations: readonly Violation[];
  /** Submissions by what a command was to be: type, policy, options. */
  readonly mix: Readonly<Record<string, number>>;
  /** The story of each command that a violation names, from all logs, line by line. */
  readonly histories: Readonly<Record<string, readonly string[]>>;
  /** Faults of the harness itself, or processes that ended by themselves: each fails the run. */
  readonly troubles: readonly string[];
}

/** A whole run, as it is written to JSON. */
export interface RunRecord {
  readonly format: 1;
  readonly startedAt: string;
  readonly seed: number;
  /** The command that repeats it. */
  readonly command: string;
  readonly commit: string | null;
  readonly machine: {
    readonly cpus: number;
    readonly cpu: string;
    readonly memoryGb: number;
    readonly os: string;
    readonly node: string;
    readonly redis: string;
  };
  readonly options: Readonly<Record<string, unknown>>;
  /** The name of the mutant, when the history checker itself is under test. */
  readonly mutant: string | null;
  readonly rounds: readonly RoundRecord[];
}
