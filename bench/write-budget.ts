import { type Step, steps, type StepWrites } from './cycle.js';
import { totalOf } from './write-counter.js';

/**
 * The hot-path budget (docs/explanation/architecture.md): Redis spends 1–2 µs on every write inside a script, so their
 * number is what bounds the throughput, and it is the same on every machine.
 */
export const writeBudget: Readonly<Record<Step, { readonly perCommand: number; readonly perBatch: number }>> =
  {
    // An entry, a hash. Once: the places in the index, how many the queue has, the counters.
    submit: { perCommand: 2, perBatch: 3 },
    // A hash. Once: the read, the markers, the counters.
    start: { perCommand: 1, perBatch: 3 },
    // A hash. Once: the entries acknowledged and deleted, the markers deleted, the counters.
    report: { perCommand: 1, perBatch: 4 },
  };

/** The steps of a batch that wrote more than they may, a sentence for each. */
export function overruns(writes: StepWrites, batch: number): string[] {
  return steps.flatMap((step) => {
    const { perCommand, perBatch } = writeBudget[step];
    const most = perCommand * batch + perBatch;
    const total = totalOf(writes[step]);
    if (total <= most) return [];
    const each = Object.entries(writes[step]).map(([name, calls]) => `${calls} ${name}`);
    return [
      `${step} wrote ${total} times for a batch of ${batch}, and may write ${most} times ` +
        `(${perCommand} per command and ${perBatch} per batch): ${each.join(', ')}`,
    ];
  });
}
