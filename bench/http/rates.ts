import { type Samples } from '../benchmark.js';
import { figure, ratioText } from '../report/wording.js';
import { spreadOf } from '../statistics.js';
import { type Pair } from '../turns.js';

/** Commands per second of two that took turns, a value per counted lap, and the pairs' ratios. */
export interface Rates {
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  readonly ratios: readonly number[];
}

/** The names of the two. */
export type Names = readonly [ours: string, theirs: string];

/** @param pairs of milliseconds */
export function ratesOf(pairs: readonly Pair<number>[], commands: number): Rates {
  const rate = (ms: number) => commands / (ms / 1000);
  return {
    ours: pairs.map(({ ours }) => rate(ours)),
    theirs: pairs.map(({ theirs }) => rate(theirs)),
    ratios: pairs.map(({ ours, theirs }) => theirs / ours),
  };
}

export const lineOf = ([ours, theirs]: Names, rates: Rates) =>
  `${ours} ${figure(spreadOf(rates.ours).median)}/s, ${theirs} ${figure(spreadOf(rates.theirs).median)}/s, ` +
  `ratio ${ratioText(rates.ratios)}`;

export const cells = ({ ours, theirs }: Rates) =>
  [ours, theirs].map((rates) => figure(spreadOf(rates).median));

export function samplesOf(what: string, [ours, theirs]: Names, rates: Rates): Samples[] {
  return [
    { what: `${what}: ${ours}`, unit: 'commands/s', values: [...rates.ours] },
    { what: `${what}: ${theirs}`, unit: 'commands/s', values: [...rates.theirs] },
  ];
}
