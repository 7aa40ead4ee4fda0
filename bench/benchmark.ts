import { z } from 'zod';
import { quantile, spreadOf } from './statistics.js';
import { isTargetId, type TargetId } from './targets.js';

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
  /** Prints a line for the user who watches the run. */
  readonly say: (line: string) => void;
}

const spreadSchema = z.object({ median: z.number(), min: z.number(), max: z.number() });

/** For people. The first column names its row, the others hold figures. */
const tableSchema = z.object({
  title: z.string(),
  columns: z.array(z.string()),
  rows: z.array(z.array(z.string())),
});
export type Table = z.infer<typeof tableSchema>;

/** Bars in groups, each with the span from its least to its greatest sample. The axis begins at 0. */
const plotSchema = z.object({
  title: z.string(),
  /** The unit of the values: `commands/s`. */
  unit: z.string(),
  /** The quantity that the groups differ by: `in flight`. */
  by: z.string(),
  groups: z.array(z.string()),
  /** One value per group each; null where it was not measured. */
  series: z.array(z.object({ name: z.string(), values: z.array(spreadSchema.nullable()) })),
});
export type Plot = z.infer<typeof plotSchema>;

/** The figure that is compared with a target. */
const measuredSchema = z.object({
  target: z.custom<TargetId>((id) => typeof id === 'string' && isTargetId(id), { error: 'no such target' }),
  /** The one value that is compared, in the target's unit: the median, or another that the target names. */
  value: z.number(),
  min: z.number(),
  max: z.number(),
  /** The samples that it was taken from, in the target's unit. */
  samples: z.array(z.number()),
});
export type Measured = z.infer<typeof measuredSchema>;

const samplesSchema = z.object({
  /** `start→report, concurrency 100, always: Fencepost`. */
  what: z.string(),
  unit: z.string(),
  values: z.array(z.number()),
});
export type Samples = z.infer<typeof samplesSchema>;

export const resultSchema = z.object({
  /** The settings behind the figures, besides the machine: `{ 'commands per round': 10000, appendfsync: 'always' }`. */
  settings: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  tables: z.array(tableSchema),
  plots: z.array(plotSchema),
  /** One for each of the benchmark's targets. */
  measured: z.array(measuredSchema),
  /** Everything that was taken, in the order in which it was. */
  samples: z.array(samplesSchema),
});
/** The types are those of the recorded file: it is read back when another benchmark is run again. */
export type BenchmarkResult = z.infer<typeof resultSchema>;

/** Returns the figure for most targets: the median of `samples`, which are in the target's unit. */
export function measuredMedian(target: TargetId, samples: readonly number[]): Measured {
  const { median, min, max } = spreadOf(samples);
  return { target, value: median, min, max, samples: [...samples] };
}

/** Returns the value that 99 % of `samples` do not exceed. */
export function measuredP99(target: TargetId, samples: readonly number[]): Measured {
  const { min, max } = spreadOf(samples);
  return { target, value: quantile(samples, 0.99), min, max, samples: [...samples] };
}
