import { type Benchmark, type BenchmarkContext, type BenchmarkResult } from './benchmark.js';
import { describeMachine } from './machine.js';
import { withRedis } from './redis.js';
import { type BenchmarkRecord } from './report/record.js';
import { targetRows } from './report/results-page.js';
import { tableText } from './report/table.js';
import { machineText } from './report/wording.js';
import { type TargetId } from './targets.js';

export interface SuiteOptions extends BenchmarkContext {
  readonly benchmarks: readonly Benchmark[];
  /** Called after each: a benchmark that fails must not cost those before it. */
  readonly onRecord: (record: BenchmarkRecord) => Promise<void>;
}

/** Runs one benchmark after the other, never two at a time. */
export async function runSuite({ benchmarks, onRecord, ...context }: SuiteOptions): Promise<void> {
  for (const benchmark of benchmarks) {
    context.signal.throwIfAborted();
    context.say(`${benchmark.name}: ${benchmark.about}`);
    const record = await runBenchmark(benchmark, context);
    context.say(recordText(record));
    await onRecord(record);
  }
}

/** @throws what its `run` throws, and when it did not measure exactly its targets */
export async function runBenchmark(
  benchmark: Benchmark,
  context: BenchmarkContext,
): Promise<BenchmarkRecord> {
  const { name, about, method } = benchmark;
  const machine = await withRedis(describeMachine);
  const startedAt = performance.now();
  const takenAt = new Date().toISOString();
  const result = await benchmark.run(context);
  checkMeasured(benchmark, result);
  return {
    name,
    about,
    method: [...method],
    takenAt,
    tookMs: Math.round(performance.now() - startedAt),
    rounds: context.rounds,
    short: context.short,
    machine,
    ...result,
  };
}

function checkMeasured({ name, targets }: Benchmark, { measured }: BenchmarkResult): void {
  const found = measured.map(({ target }) => target).sort();
  if (JSON.stringify(found) !== JSON.stringify([...targets].sort())) {
    throw new Error(`${name} measured ${found.join(', ') || 'nothing'}, not ${targets.join(', ')}`);
  }
  for (const { target, value } of measured) {
    if (!Number.isFinite(value)) throw new Error(`${name}: ${target} is ${value}`);
  }
}

function recordText({ machine, tables, measured }: BenchmarkRecord): string {
  const byTarget = new Map(measured.map((one): [TargetId, typeof one] => [one.target, one]));
  return [
    '',
    ...machineText(machine),
    ...tables.flatMap(({ title, columns, rows }) => ['', title, ...tableText([columns, ...rows])]),
    '',
    ...tableText(targetRows([...byTarget.keys()], byTarget)),
    '',
  ].join('\n');
}
