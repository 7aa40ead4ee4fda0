import { builtInTypes, timeoutOf } from '../shared/protocol/command-types.js';
import { recoveryConsumer } from '../shared/store/keys.js';
import { countOf, errorCodeOf, type Fields, jsonOf, rankOfExecuted, statusOf } from './command-state.js';
import { parseMarker } from './keyspace.js';
import { type Transition } from './transition.js';
import { progressWrittenIn } from './written-progress.js';

/** How an attempt ended, read from what the ending changed. */
export type AttemptEnd = 'reported' | 'lost' | 'released' | 'ended from outside';

export interface TrailAttempt {
  readonly attempt: number;
  readonly agentId: string;
  readonly session: string;
  readonly fromMs: number;
  /** undefined while it runs. */
  readonly end?: AttemptEnd;
  /** Whether it was lost by the report of recovery, not of its agent. */
  readonly recovered?: boolean;
  readonly toMs?: number;
  /** Since when the agent of an attempt that was ended from outside should have reported that it stopped. */
  readonly silentFromMs?: number;
}

/** The record of one command in the append-only file, over all its lives. */
export interface Trail {
  readonly commandId: string;
  /** The last hash that it had, even if it has been pruned since. */
  readonly lastFields: Fields | null;
  readonly exists: boolean;
  /** Each time that its hash was deleted, by retention or otherwise. */
  readonly deletions: readonly Deletion[];
  /** Writes of a status. */
  readonly transitions: number;
  readonly attempts: readonly TrailAttempt[];
  readonly losses: number;
  readonly lateReports: number;
  /** How often a progress of one of its attempts was stored. */
  readonly progress: number;
  /** How often an operator retried it. */
  readonly retries: number;
  /** The attempts during which `executed` was raised to `unknown`; of one that never ran, only its end is known. */
  readonly unknowns: readonly Unknown[];
}

/** When, and as what, a command was deleted. */
export interface Deletion {
  readonly atMs: number;
  readonly fields: Fields;
}

export interface Unknown {
  readonly fromMs: number;
  readonly toMs: number;
  /** Empty when no attempt ran. */
  readonly agentId: string;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type GrowingTrail = Mutable<Omit<Trail, 'attempts' | 'unknowns' | 'deletions'>> & {
  attempts: Mutable<TrailAttempt>[];
  unknowns: Unknown[];
  deletions: Deletion[];
};

/** Gathers transitions into one trail per command. */
export class Trails {
  readonly #byId = new Map<string, GrowingTrail>();

  get(commandId: string): Trail | undefined {
    return this.#byId.get(commandId);
  }

  all(): IterableIterator<Trail> {
    return this.#byId.values();
  }

  add(transition: Transition): void {
    const { before, after, atMs } = transition;
    const trail = this.#trail(transition.commandId);
    trail.exists = after.fields !== null;
    if (after.fields) trail.lastFields = after.fields;
    else if (before.fields) trail.deletions.push({ atMs, fields: before.fields });
    if (transition.restated) return;
    trail.transitions += transition.statuses.length;
    trail.lateReports += transition.history.filter(isLateReport).length;
    trail.progress += progressWrittenIn(transition).length;
    if (isRetry(transition)) trail.retries++;
    trail.losses += lossesIn(transition);
    const running = trail.attempts.at(-1);
    if (
      statusOf(before) === 'RUNNING' &&
      transition.statuses.length > 0 &&
      running &&
      running.end === undefined
    ) {
      running.end = endOf(transition);
      running.recovered = transition.claims.some(({ consumer }) => consumer === recoveryConsumer);
      running.toMs = atMs;
      if (running.end === 'ended from outside') running.silentFromMs = overSince(before.fields ?? {});
    }
    if (rankOfExecuted(after.fields) === 1 && rankOfExecuted(before.fields) === 0) {
      const { agentId = '' } = running ?? {};
      trail.unknowns.push({ fromMs: running?.fromMs ?? atMs, toMs: atMs, agentId });
    }
    if (transition.statuses.includes('RUNNING')) {
      const { agentId, session } = parseMarker(after.marker ?? '');
      trail.attempts.push({ attempt: countOf(after.fields, 'attempt'), agentId, session, fromMs: atMs });
    }
  }

  #trail(commandId: string): GrowingTrail {
    let trail = this.#byId.get(commandId);
    if (!trail) {
      trail = {
        commandId,
        lastFields: null,
        exists: false,
        deletions: [],
        transitions: 0,
        attempts: [],
        losses: 0,
        lateReports: 0,
        progress: 0,
        retries: 0,
        unknowns: [],
      };
      this.#byId.set(commandId, trail);
    }
    return trail;
  }
}

/** When the attempt's time was over, or it was asked to stop, by Redis's clock. */
function overSince({ startedAt, timeoutMs, cancelRequestedAt, type = '', payload }: Fields): number {
  const rule = builtInTypes.get(type)?.defaultTimeoutMs ?? undefined;
  const typesMs = rule === undefined ? undefined : timeoutOf(rule, jsonOf(payload));
  const deadline = Number(startedAt) + Number(timeoutMs ?? typesMs ?? Infinity);
  return Math.min(deadline, Number(cancelRequestedAt ?? Infinity));
}

/** An operator's retry: the only way out of FAILED. It notes in `retried` which failure it put aside: the last. */
export function isRetry({ before, after, statuses }: Transition): boolean {
  const retried = after.fields?.retried ?? '';
  return (
    statusOf(before) === 'FAILED' &&
    statuses[0] === 'PENDING' &&
    retried !== '' &&
    retried !== before.fields?.retried &&
    retried === before.fields?.finishedAt
  );
}

/** By how much this transition raised `losses`; an operator's retry sets it back to 0. */
export function lossesIn({ before, after }: Transition): number {
  return Math.max(0, countOf(after.fields, 'losses') - countOf(before.fields, 'losses'));
}

/** How the attempt that was running before this transition ended in it. */
export function endOf(transition: Transition): AttemptEnd {
  const { before, after } = transition;
  if (lossesIn(transition) > 0 || errorCodeOf(after.fields) === 'AGENT_LOST') return 'lost';
  if (before.marker !== null && after.fields?.reported === before.marker) return 'reported';
  return transition.statuses[0] === 'PENDING' ? 'released' : 'ended from outside';
}

function isLateReport(item: string): boolean {
  const value = jsonOf(item);
  return typeof value === 'object' && value !== null && 'why' in value && value.why === 'late';
}
