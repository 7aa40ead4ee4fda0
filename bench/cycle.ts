import { type Redis } from 'ioredis';
import { WriteCounter, type Writes } from './write-counter.js';

export const steps = ['submit', 'start', 'report'] as const;
export type Step = (typeof steps)[number];

/** One batch of the load through its whole life, a step at a time and all in this process. */
export type Cycle = Readonly<Record<Step, (count: number) => Promise<void>>>;

/** The writes of a batch in each step. */
export type StepWrites = Readonly<Record<Step, Writes>>;

/**
 * Counts the writes of one batch. Nothing else may use this Redis meanwhile.
 *
 * One batch goes first, uncounted: it loads the scripts and makes what is made once, such as a stream's
 * consumer group.
 */
export async function countCycle(redis: Redis, cycle: Cycle, batch: number): Promise<StepWrites> {
  for (const step of steps) await cycle[step](batch);
  const counter = new WriteCounter(redis);
  return {
    submit: await counter.during(() => cycle.submit(batch)),
    start: await counter.during(() => cycle.start(batch)),
    report: await counter.during(() => cycle.report(batch)),
  };
}
