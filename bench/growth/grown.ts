import { figure, ratioText } from '../report/wording.js';
import { spreadOf } from '../statistics.js';
import { type Pair } from '../turns.js';
import { type Cost } from './cost.js';

export interface GrowthSettings {
  /** How many commands wait, in growing order; the first is what the others are compared with. */
  readonly waiting: readonly [number, ...number[]];
  /** So many that Redis, whose tables of keys have sizes of powers of two, has just begun to move them to larger ones. */
  readonly waitingWhileTablesGrow: number;
  /** Commands per lap. */
  readonly commands: number;
  /** The first is what the others are compared with. */
  readonly agents: readonly [number, ...number[]];
  readonly commandsForAgents: number;
}

/** Something that grew, beside its like that did not. */
export interface Grown {
  readonly name: string;
  readonly pairs: readonly Pair<Cost>[];
}

export const median = (values: readonly number[]) => figure(spreadOf(values).median);
export const ratios = (pairs: readonly Pair<Cost>[], of: keyof Cost) =>
  pairs.map(({ ours, theirs }) => ours[of] / theirs[of]);

export const lineOf = (pairs: readonly Pair<Cost>[]) =>
  `${median(pairs.map(({ ours }) => ours.elapsedUs))} µs, ${ratioText(ratios(pairs, 'elapsedUs'))}; ` +
  `in scripts ${ratioText(ratios(pairs, 'scriptUs'))}; Redis CPU ${ratioText(ratios(pairs, 'redisCpuUs'))}`;
