import { type Redis } from 'ioredis';
import { type Contestant } from './contestant.js';
import { totalOf, WriteCounter } from './write-counter.js';

/** One contestant's turn. */
export interface Lap {
  readonly ms: number;
  readonly commandsPerSecond: number;
  /** Everything that was written to Redis meanwhile, heartbeats and all. */
  readonly writesPerCommand: number;
}

/** Both contestants, one right after the other. */
export interface Round {
  readonly fencepost: Lap;
  readonly bullmq: Lap;
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

/** Hundreds of times what a round takes: something is broken then. */
const longestLapMs = 120_000;

/**
 * Lets the two run in turns, A B A B …: what the machine does beside them, and how it drifts, meets both,
 * and each round's ratio is of two neighbours. Both processes live through all rounds, so that none is
 * charged for starting or compiling; while one runs, the other waits in a blocking read.
 */
export async function race({ onRound, ...options }: RaceOptions): Promise<Round[]> {
  const rounds: Round[] = [];
  // Round 0 is the warm-up.
  for (let number = 0; number <= options.rounds; number++) {
    const fencepost = await runLap(options.fencepost, options);
    const bullmq = await runLap(options.bullmq, options);
    if (number === 0) continue;
    const round = { fencepost, bullmq, ratio: bullmq.ms / fencepost.ms };
    rounds.push(round);
    onRound(round, number);
  }
  return rounds;
}

type LapOptions = Pick<RaceOptions, 'redis' | 'commands' | 'signal'>;

async function runLap(contestant: Contestant, { redis, commands, signal }: LapOptions): Promise<Lap> {
  const deadline = new AbortController();
  const timer = setTimeout(
    () => deadline.abort(new Error(`${contestant.name}: a round took longer than ${longestLapMs / 1000} s`)),
    longestLapMs,
  );
  let ms = 0;
  try {
    const writes = await new WriteCounter(redis).during(async () => {
      const startedAt = performance.now();
      await contestant.run(AbortSignal.any([signal, deadline.signal]));
      ms = performance.now() - startedAt;
    });
    await contestant.checkRest();
    return { ms, commandsPerSecond: commands / (ms / 1000), writesPerCommand: totalOf(writes) / commands };
  } finally {
    clearTimeout(timer);
  }
}
