import { quantile, type Spread, spreadOf } from './statistics.js';
import { type TargetId } from './targets.js';

/** One of the suite: `npm run bench -- <name>` runs it, and its records are named after it. */
export interface Benchmark {
  readonly name: string;
  /** A line for `--help` and the head of its section: what is measured. */
  readonly about: string;
  /** A paragraph or more, each a string: exactly how each figure is taken. In Markdown. */
  readonly method: readonly string[];
  readonly targets: readonly TargetId[];
  /**
   * Takes every figure. Starts what it needs, and has ended all of it when this settles, however it does.
   *
   * @throws when something that was submitted is not completed, anything is left behind, or `signal` is aborted
   */
  run(context: BenchmarkContext): Promise<BenchmarkResult>;
}

export interface BenchmarkContext {
  /** Everything once with few commands: seconds, and only whether all was completed counts. */
  readonly short: boolean;
  /** Alternating pairs (A B A B …) that are counted, after one to warm up. */
  readonly rounds: number;
  /** Ctrl-C. */
  readonly signal: AbortSignal;
  /** A line for whoever watches the run. */
  readonly say: (line: string) => void;
}

export interface BenchmarkResult {
  /** What decides the figures beside the machine: `{ 'commands per round': 10000, appendfsync: 'always' }`. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
  /** For people. */
  readonly tables: readonly Table[];
  readonly plots: readonly Plot[];
  /** One for each of the benchmark's targets. */
  readonly measured: readonly Measured[];
  /** Everything that was taken, in the order in which it was. */
  readonly samples: readonly Samples[];
}

export interface Table {
  readonly title: string;
  /** The first column names its row, the others hold figures. */
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Bars in groups, each with the span from its least to its greatest sample. The axis begins at 0. */
export interface Plot {
  readonly title: string;
  /** Of the values: `commands/s`. */
  readonly unit: string;
  /** What the groups differ by: `in flight`. */
  readonly by: string;
  readonly groups: readonly string[];
  /** One value per group each; nothing where it was not measured. */
  readonly series: readonly { readonly name: string; readonly values: readonly (Spread | null)[] }[];
}

/** What a target is judged by. */
export interface Measured {
  readonly target: TargetId;
  /** The one that is judged, in the target's unit: the median, or what the target says. */
  readonly value: number;
  readonly min: number;
  readonly max: number;
  /** Those that it was taken from, in the target's unit. */
  readonly samples: readonly number[];
}

export interface Samples {
  /** `start→report, concurrency 100, always: Fencepost`. */
  readonly what: string;
  readonly unit: string;
  readonly values: readonly number[];
}

/** What most targets are judged by: the median of `samples`, which are in the target's unit. */
export function measuredMedian(target: TargetId, samples: readonly number[]): Measured {
  const { median, min, max } = spreadOf(samples);
  return { target, value: median, min, max, samples };
}

/** The value that 99 % of `samples` do not exceed. */
export function measuredP99(target: TargetId, samples: readonly number[]): Measured {
  const { min, max } = spreadOf(samples);
  return { target, value: quantile(samples, 0.99), min, max, samples };
}
