import { everyFaultKind, type FaultKind, type FaultRecord, type RunRecord, type Tally } from '../record.js';
import { type Finding, findingsOf, type Heading } from './headings.js';

/** Faults of one kind at one point. */
export interface FaultRow {
  readonly kind: FaultKind;
  readonly point: string | null;
  readonly injected: number;
  readonly verified: number;
  /** Verified, with at least one command in flight on what was hit: only these prove anything. */
  readonly withWork: number;
  readonly recovery: Recovery | null;
}

/** Times to recover, in ms. */
export interface Recovery {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Figures {
  readonly durationMs: number;
  readonly accepted: number;
  readonly completed: number;
  readonly failed: number;
  readonly pruned: number;
  readonly byErrorCode: Readonly<Record<string, number>>;
  readonly executedUnknown: number;
  readonly transitions: number;
  readonly effects: number;
  readonly lateReports: number;
  readonly progress: number;
  readonly acceptedPerMinute: number;
  readonly endedPerSecond: number;
  /** How often each heading was broken. */
  readonly broken: Readonly<Record<Heading, number>>;
  readonly findings: readonly Finding[];
  readonly injected: number;
  readonly verified: number;
  readonly withWork: number;
  /** Verified faults that hit while another one was not yet healed. */
  readonly overlapping: number;
  /** Verified faults whose work in flight was never seen to move on. */
  readonly unrecovered: number;
  readonly faults: readonly FaultRow[];
  /** null: no fault had work in flight that recovered. */
  readonly recovery: Recovery | null;
  readonly recoveryByKind: readonly (Recovery & { readonly kind: FaultKind })[];
  /** From the last healing of a round until nothing was PENDING or RUNNING: the longest. null: none rested. */
  readonly longestRestMs: number | null;
  /** How often the machine was too busy for the lease. */
  readonly stalls: number;
  readonly tally: Tally;
  readonly troubles: readonly string[];
}

export function figuresOf(record: RunRecord): Figures {
  const { rounds } = record;
  const total = (of: (round: RunRecord['rounds'][number]) => number) =>
    rounds.reduce((sum, round) => sum + of(round), 0);
  const faults = rounds.flatMap((round) => round.faults);
  const findings = findingsOf(record);
  const durationMs = total((round) => round.durationMs);
  const [accepted, completed, failed] = [
    total((round) => round.counts.accepted),
    total((round) => round.counts.completed),
    total((round) => round.counts.failed),
  ];
  const rests = rounds.flatMap((round) => round.restMs ?? []);
  return {
    durationMs,
    accepted,
    completed,
    failed,
    pruned: total((round) => round.counts.pruned),
    byErrorCode: summed(rounds.map((round) => round.counts.byErrorCode)),
    executedUnknown: total((round) => round.counts.executedUnknown),
    transitions: total((round) => round.counts.transitions),
    effects: total((round) => round.counts.effects),
    lateReports: total((round) => round.counts.lateReports),
    progress: total((round) => round.counts.progress),
    acceptedPerMinute: durationMs === 0 ? 0 : (accepted * 60_000) / durationMs,
    endedPerSecond: durationMs === 0 ? 0 : ((completed + failed) * 1000) / durationMs,
    broken: brokenIn(findings),
    findings,
    injected: faults.length,
    verified: faults.filter(isVerified).length,
    withWork: faults.filter(hadWork).length,
    overlapping: faults.filter((fault) => isVerified(fault) && fault.overlapping > 0).length,
    unrecovered: faults.filter((fault) => hadWork(fault) && fault.recoveredMs === null).length,
    faults: rowsOf(faults),
    recovery: recoveryOf(faults),
    recoveryByKind: everyFaultKind.flatMap((kind) => {
      const recovery = recoveryOf(faults.filter((fault) => fault.kind === kind));
      return recovery === null ? [] : { kind, ...recovery };
    }),
    longestRestMs: rests.length === 0 ? null : Math.max(...rests),
    stalls: total((round) => round.stalls),
    tally: {
      zombiesRefused: total((round) => round.tally.zombiesRefused),
      resentAbsorbed: total((round) => round.tally.resentAbsorbed),
      lateRefused: total((round) => round.tally.lateRefused),
      submissionsDeduplicated: total((round) => round.tally.submissionsDeduplicated),
      doubledEntriesAbsorbed: total((round) => round.tally.doubledEntriesAbsorbed),
    },
    troubles: rounds.flatMap((round) => round.troubles.map((trouble) => `round ${round.number}: ${trouble}`)),
  };
}

export const isVerified = (fault: FaultRecord) => fault.verifiedMs !== null;

const hadWork = (fault: FaultRecord) => isVerified(fault) && fault.inFlight.length > 0;

/**
 * Returns the time from the injection until each command in flight had moved on: with a freeze or a cut, that
 * includes its duration. null: the fault gives no figure.
 */
export function timeToRecover(fault: FaultRecord): number | null {
  return hadWork(fault) && fault.recoveredMs !== null ? fault.recoveredMs - fault.injectedMs : null;
}

/** The smallest value that at least that share of all do not exceed. @param sorted at least one */
export function quantile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
  if (value === undefined) throw new Error('no values');
  return value;
}

function recoveryOf(faults: readonly FaultRecord[]): Recovery | null {
  const times = faults.flatMap((fault) => timeToRecover(fault) ?? []).sort((a, b) => a - b);
  if (times.length === 0) return null;
  return {
    count: times.length,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    max: quantile(times, 1),
  };
}

/** In the order of `everyFaultKind`, points in alphabetical order. */
function rowsOf(faults: readonly FaultRecord[]): FaultRow[] {
  return everyFaultKind.flatMap((kind) => {
    const ofKind = faults.filter((fault) => fault.kind === kind);
    const points = [...new Set(ofKind.map((fault) => fault.point))];
    points.sort((a, b) => (a ?? '').localeCompare(b ?? '', 'en'));
    return points.map((point) => {
      const there = ofKind.filter((fault) => fault.point === point);
      return {
        kind,
        point,
        injected: there.length,
        verified: there.filter(isVerified).length,
        withWork: there.filter(hadWork).length,
        recovery: recoveryOf(there),
      };
    });
  });
}

function brokenIn(findings: readonly Finding[]): Record<Heading, number> {
  const times = (heading: Heading) => findings.filter((finding) => finding.heading === heading).length;
  return {
    lost: times('lost'),
    doubled: times('doubled'),
    rewritten: times('rewritten'),
    'illegal transition': times('illegal transition'),
    stuck: times('stuck'),
    'unexplained unknown': times('unexplained unknown'),
    untrue: times('untrue'),
  };
}

function summed(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, times] of counts.flatMap((of) => Object.entries(of)))
    sums[name] = (sums[name] ?? 0) + times;
  return sums;
}
