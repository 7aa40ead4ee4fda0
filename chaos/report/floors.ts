import {
  containerFaultKinds,
  everyFaultKind,
  type FaultKind,
  faultKinds,
  type RunRecord,
} from '../record.js';
import { ownLabel } from '../load.js';
import { type Figures } from './figures.js';

/** Something that a run must have seen often enough: below it, the run has proved nothing. */
export interface Floor {
  readonly what: string;
  readonly reached: number;
  readonly wanted: number;
  /** How both are to be read. */
  readonly unit: 'times' | 'percent';
  readonly met: boolean;
}

interface Expectation {
  readonly what: string;
  readonly reached: (figures: Figures) => number;
  readonly perMinute: number;
  readonly perMinuteInContainers?: number;
  /** Without one of these in the mix nothing would bring it about. Default: whatever the mix. */
  readonly needs?: readonly FaultKind[];
}

/**
 * A third or less of what a run of one minute on two busy cores reaches. They exist to distinguish a run that
 * exercised the guards from one that did not, not to measure a machine.
 */
const expectations: readonly Expectation[] = [
  {
    what: 'verified faults with work in flight',
    reached: (figures) => figures.withWork,
    perMinute: 12,
    // An engine takes a second and more for what costs a signal nothing, and a restart in good order
    // leaves no work behind: some 11 were reached.
    perMinuteInContainers: 8,
  },
  {
    what: 'zombies refused',
    reached: (figures) => figures.tally.zombiesRefused,
    perMinute: 2,
    needs: ['agent frozen', 'agent frozen at a point'],
  },
  {
    what: 'resent calls absorbed',
    reached: (figures) => figures.tally.resentAbsorbed,
    perMinute: 2,
    needs: ['reply lost'],
  },
  {
    what: 'late requests refused',
    reached: (figures) => figures.tally.lateRefused,
    perMinute: 1,
    needs: ['request late'],
  },
  {
    what: 'submissions deduplicated',
    reached: (figures) => figures.tally.submissionsDeduplicated,
    perMinute: 2,
    needs: ['server killed', 'server killed at a point', 'server frozen'],
  },
  {
    what: 'doubled entries absorbed',
    reached: (figures) => figures.tally.doubledEntriesAbsorbed,
    perMinute: 1,
    needs: ['entry duplicated'],
  },
];

const acceptedPerMinute = 300;
/** A third of those that must be accepted. */
const prunedPerMinute = 100;
const progressPerMinute = 60;
const verifiedPercent = 95;
/** A mix has up to 20 kinds, and a minute some 40 faults: only in a longer run must every kind come up. */
const minutesPerKind = 5;

export function floorsOf(record: RunRecord, figures: Figures): Floor[] {
  const minutes = figures.durationMs / 60_000;
  const mix = new Set(kindsInMix(record.options.mix));
  const inContainers = containerFaultKinds.some((kind) => mix.has(kind));
  return [
    times('commands accepted per minute', Math.floor(figures.acceptedPerMinute), acceptedPerMinute),
    verifiedShare(figures),
    ...prunedFloor(record, figures),
    ...progressFloor(record, figures),
    ...expectations
      .filter(({ needs }) => needs === undefined || needs.some((kind) => mix.has(kind)))
      // At least once, however short the run.
      .map(({ what, reached, perMinute, perMinuteInContainers = perMinute }) => {
        const wanted = inContainers ? perMinuteInContainers : perMinute;
        return times(what, reached(figures), Math.max(1, Math.floor(wanted * minutes)));
      }),
    ...kindFloors(
      everyFaultKind.filter((kind) => mix.has(kind)),
      figures,
    ),
  ];
}

function verifiedShare({ injected, verified }: Figures): Floor {
  const percent = injected === 0 ? 0 : (100 * verified) / injected;
  return {
    what: 'share of injected faults that were verified',
    // Never rounded up to the floor.
    reached: Math.floor(percent * 10) / 10,
    wanted: verifiedPercent,
    unit: 'percent',
    met: percent >= verifiedPercent,
  };
}

/** The minimum of commands that there were to prune: a round needs two retentions until it is well under way. */
function prunedFloor({ rounds, options }: RunRecord, { pruned }: Figures): Floor[] {
  const { retentionMs } = options;
  if (typeof retentionMs !== 'number') return [];
  const ms = rounds.reduce((sum, { durationMs }) => sum + Math.max(0, durationMs - 2 * retentionMs), 0);
  const wanted = Math.floor((prunedPerMinute * ms) / 60_000);
  return wanted === 0 ? [] : [times('ended commands pruned', pruned, wanted)];
}

/** Agents in containers may have been given no type that reports progress. */
function progressFloor({ rounds }: RunRecord, { progress }: Figures): Floor[] {
  const ms = rounds
    .filter(({ mix }) => Object.keys(mix).some((label) => label.includes(ownLabel)))
    .reduce((sum, { durationMs }) => sum + durationMs, 0);
  const wanted = Math.floor((progressPerMinute * ms) / 60_000);
  return wanted === 0 ? [] : [times('progress stored', progress, wanted)];
}

/** One line for all kinds that came up often enough, and one for each that did not. */
function kindFloors(kinds: readonly FaultKind[], figures: Figures): Floor[] {
  const wanted = Math.floor(figures.durationMs / 60_000 / minutesPerKind);
  if (wanted === 0) return [];
  const floors = kinds.map((kind) => {
    const ofKind = figures.faults.filter((row) => row.kind === kind);
    const verified = ofKind.reduce((sum, row) => sum + row.verified, 0);
    return times(`${kind}, verified`, verified, wanted);
  });
  const missed = floors.filter((floor) => !floor.met);
  if (missed.length > 0) return missed;
  const fewest = Math.min(...floors.map((floor) => floor.reached));
  return floors.length === 0 ? [] : [times(`each of ${floors.length} kinds, verified`, fewest, wanted)];
}

function times(what: string, reached: number, wanted: number): Floor {
  return { what, reached, wanted, unit: 'times', met: reached >= wanted };
}

/**
 * @param mix the run's option: a list of kinds, or their weights. Whatever else it is counts as all
 *   kinds: a floor must not vanish because a mix could not be read.
 */
export function kindsInMix(mix: unknown): readonly FaultKind[] {
  if (Array.isArray(mix)) return everyFaultKind.filter((kind) => mix.includes(kind));
  if (typeof mix !== 'object' || mix === null) return faultKinds;
  const weights = new Map<string, unknown>(Object.entries(mix));
  return everyFaultKind.filter((kind) => {
    const weight = weights.get(kind);
    return typeof weight === 'number' && weight > 0;
  });
}
