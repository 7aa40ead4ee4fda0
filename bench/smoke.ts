import { type TestRedis } from '../testing/redis-server.js';
import { BullMq } from './bullmq.js';
import { withBullMqCycle } from './bullmq-cycle.js';
import { countCycle, type StepWrites } from './cycle.js';
import { Fencepost } from './fencepost.js';
import { fencepostCycle } from './fencepost-cycle.js';
import { load } from './load.js';
import { describeMachine, type Machine } from './machine.js';
import { race, type Round } from './race.js';
import { spreadOf, type Spread } from './statistics.js';
import { overruns } from './write-budget.js';

export interface SmokeOptions {
  /** Per round and system. */
  readonly commands: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly onRound: (round: Round, number: number) => void;
}

/** The result as `--json` writes it. */
export interface SmokeResult {
  readonly machine: Machine;
  readonly load: typeof load & { readonly commands: number };
  readonly writes: {
    readonly batch: number;
    readonly fencepost: StepWrites;
    readonly bullmq: StepWrites;
    /** Where Fencepost exceeds its budget, a sentence each. The one verdict of this benchmark: it counts. */
    readonly overruns: readonly string[];
  };
  readonly rounds: readonly Round[];
  readonly ratio: Spread;
}

const countedBatch = 10;

/** Counts the writes of both systems, then lets them race, on a Redis without other clients. */
export async function smoke(redis: TestRedis, options: SmokeOptions): Promise<SmokeResult> {
  const { commands, rounds: roundCount, signal, onRound } = options;
  const machine = await describeMachine(redis);
  const client = redis.client();
  const writes = {
    batch: countedBatch,
    fencepost: await countCycle(client, fencepostCycle(client), countedBatch),
    bullmq: await withBullMqCycle(redis.socket, (cycle) => countCycle(client, cycle, countedBatch)),
  };
  const fencepost = new Fencepost(redis);
  const bullmq = new BullMq(redis);
  try {
    // One after the other: a start that fails must not leave the other half done.
    await fencepost.start();
    await bullmq.start();
    const rounds = await race({
      redis: client,
      fencepost,
      bullmq,
      commands,
      rounds: roundCount,
      signal,
      onRound,
    });
    return {
      machine,
      load: { ...load, commands },
      writes: { ...writes, overruns: overruns(writes.fencepost, countedBatch) },
      rounds,
      ratio: spreadOf(rounds.map(({ ratio }) => ratio)),
    };
  } finally {
    await Promise.all([fencepost.stop(), bullmq.stop()]);
  }
}
