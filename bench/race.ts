import { type Redis } from 'ioredis';
import { type Contestant } from './contestant.js';
import { cycleLap } from './laps.js';
import { inTurns } from './turns.js';
import { totalOf, WriteCounter } from './write-counter.js';

/** One contestant's whole cycle. */
export interface RaceLap {
  readonly ms: number;
  readonly commandsPerSecond: number;
  /** Everything that was written to Redis meanwhile, heartbeats and all. */
  readonly writesPerCommand: number;
}

/** Both contestants, one right after the other. */
export interface Round {
  readonly fencepost: RaceLap;
  readonly bullmq: RaceLap;
  /** How many times as fast Fencepost was. */
  readonly ratio: number;
}

export interface RaceOptions {
  readonly redis: Redis;
  readonly fencepost: Contestant;
  readonly bullmq: Contestant;
  readonly commands: number;
  readonly rounds: number;
  readonly signal: AbortSignal;
  readonly onRound: (round: Round, number: number) => void;
}

/**
 * Whole cycles in turns. Both processes live through all rounds, so that none is charged for starting or
 * compiling; while one runs, the other waits in a blocking read.
 */
export async function race(options: RaceOptions): Promise<Round[]> {
  const { redis, fencepost, bullmq, commands, rounds, signal, onRound } = options;
  const cycle = cycleLap(commands);
  const lapOf = async (contestant: Contestant): Promise<RaceLap> => {
    let ms = 0;
    const writes = await new WriteCounter(redis).during(async () => {
      ms = await cycle(contestant, signal);
    });
    return { ms, commandsPerSecond: commands / (ms / 1000), writesPerCommand: totalOf(writes) / commands };
  };
  const raced: Round[] = [];
  await inTurns({
    rounds,
    signal,
    ours: () => lapOf(fencepost),
    theirs: () => lapOf(bullmq),
    onPair: ({ ours, theirs }, number) => {
      const round = { fencepost: ours, bullmq: theirs, ratio: theirs.ms / ours.ms };
      raced.push(round);
      onRound(round, number);
    },
  });
  return raced;
}
