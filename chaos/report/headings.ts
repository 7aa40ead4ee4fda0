import { type Violation } from '../../testing/invariants.js';
import { type RoundRecord, type RunRecord } from '../record.js';

/** The counts that must be 0. Every violation of the eight invariants lands under exactly one. */
export const headings = [
  'lost',
  'doubled',
  'rewritten',
  'illegal transition',
  'stuck',
  'unexplained unknown',
  'untrue',
] as const;
export type Heading = (typeof headings)[number];

/** Describes, for people, the violations that are counted under each heading. */
export const meanings: Readonly<Record<Heading, string>> = {
  lost: 'accepted commands that are gone, or that a reader or a list does not find',
  doubled: 'attempts executed twice, executions against the policy, commands that no client submitted',
  rewritten: 'outcomes accepted twice, or changed after they were final',
  'illegal transition':
    'changes by a stale caller, entries acknowledged too early or too late, attempts that did not grow',
  stuck: 'commands that came to rest without an outcome, rounds that never came to rest',
  'unexplained unknown': '`executed: "unknown"`, lost attempts and late reports that overlap no fault',
  untrue: 'results, progress and `executed` that are not what attempts and the ledger of real effects show',
};

/** A violation, where it was seen, and what it is counted as. */
export interface Finding {
  readonly heading: Heading;
  readonly round: number;
  readonly commandId: string | null;
  readonly what: string;
  readonly evidence: unknown;
}

export function findingsOf({ rounds }: RunRecord): Finding[] {
  return rounds.flatMap(findingsOfRound);
}

export function findingsOfRound(round: RoundRecord): Finding[] {
  return [
    ...neverAtRest(round),
    ...round.violations.map(({ invariant, commandId, what, evidence }) => ({
      heading: headingOf({ invariant, what }),
      round: round.number,
      commandId,
      what: `${what} (invariant ${invariant})`,
      evidence,
    })),
  ];
}

/**
 * The invariant decides. Two of them cover two headings each, which their wording distinguishes; were the
 * wording to change, a violation would still be counted, under the other.
 */
export function headingOf({ invariant, what }: Pick<Violation, 'invariant' | 'what'>): Heading {
  switch (invariant) {
    case 1:
      return what.startsWith('it came to rest as') ? 'stuck' : 'lost';
    case 2:
      return 'doubled';
    case 3:
      return 'rewritten';
    case 4:
    case 5:
    case 7:
      return 'illegal transition';
    case 6:
      return 'untrue';
    case 8:
      return /^no fault explains|in a run without faults$/.test(what) ? 'unexplained unknown' : 'untrue';
  }
}

function neverAtRest({ number, restMs }: RoundRecord): Finding[] {
  if (restMs !== null) return [];
  const what = 'the round never came to rest after its last fault was healed';
  return [{ heading: 'stuck', round: number, commandId: null, what, evidence: null }];
}
