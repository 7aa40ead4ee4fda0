import { pause } from '../shared/runtime/service.js';
import { type Contestant, unlessAborted } from './contestant.js';
import { type CpuMeter } from './cpu-meter.js';
import { inLoadBatches, load, type Stream, submitStream } from './load.js';

/**
 * A contestant's turn, timed. Resolves to milliseconds, when everything of it is done and checked. The meter, if there is
 * one, measures what was timed.
 */
export type Lap = (contestant: Contestant, signal: AbortSignal, meter?: CpuMeter) => Promise<number>;

/** Hundreds of times what a lap takes: something is broken then. */
const longestLapMs = 120_000;
/** How often Redis is asked whether the lap is over: a lap may seem that much longer than it was. */
const askEveryMs = 2;

/** Submission alone, until the last is answered. No worker executes what is submitted: the backlog grows. */
export function submissionLap(stream: Stream): Lap {
  let waiting = 0;
  return async (contestant, signal, meter) => {
    const submitAll = () => submitStream(stream, (size) => contestant.submit(size));
    const ms = await timed(contestant, signal, submitAll, meter);
    waiting += stream.commands;
    await contestant.checkRest(waiting);
    return ms;
  };
}

/** Start→report alone: the worker is frozen while the backlog is submitted; the clock starts with its thaw. */
export function workLap(commands: number): Lap {
  return async (contestant, signal, meter) => {
    const total = (await contestant.completed()) + commands;
    contestant.freeze();
    await bounded(
      contestant,
      signal,
      submitStream(inLoadBatches(commands), (size) => contestant.submit(size)),
    );
    const work = () => {
      contestant.thaw();
      return allCompleted(contestant, total, signal);
    };
    const ms = await timed(contestant, signal, work, meter);
    await contestant.checkRest();
    return ms;
  };
}

/** The whole cycle: submitted in batches, worked off meanwhile, until the last is completed. */
export function cycleLap(commands: number, batch: number = load.batch): Lap {
  const stream = { commands, batch, inFlight: load.batchesInFlight };
  return async (contestant, signal, meter) => {
    const total = (await contestant.completed()) + commands;
    const cycle = async () => {
      await submitStream(stream, (size) => contestant.submit(size));
      await allCompleted(contestant, total, signal);
    };
    const ms = await timed(contestant, signal, cycle, meter);
    await contestant.checkRest();
    return ms;
  };
}

async function timed(
  contestant: Contestant,
  signal: AbortSignal,
  work: () => Promise<void>,
  meter: CpuMeter | undefined,
): Promise<number> {
  meter?.begin();
  const startedAt = performance.now();
  await bounded(contestant, signal, work());
  const ms = performance.now() - startedAt;
  meter?.end();
  return ms;
}

/** Resolves with `work`. @throws also when the worker ends, `signal` is aborted, or it takes too long */
async function bounded(contestant: Contestant, signal: AbortSignal, work: Promise<void>): Promise<void> {
  const late = AbortSignal.timeout(longestLapMs);
  await unlessAborted(AbortSignal.any([signal, late]), Promise.race([work, contestant.died()]));
}

async function allCompleted(contestant: Contestant, total: number, signal: AbortSignal): Promise<void> {
  while ((await contestant.completed()) < total) {
    await pause(askEveryMs, signal);
    signal.throwIfAborted();
  }
}
