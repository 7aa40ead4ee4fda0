import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findRedisBinary } from '../shared/runtime/redis-binary.js';
import { isAborted } from '../shared/runtime/service.js';
import { describeHost } from '../testing/host.js';
import { repositoryRoot } from '../testing/processes.js';
import { type ChaosOptions, commandOf } from './options.js';
import { type RoundRecord, type RunRecord } from './record.js';
import { playRound, type RoundProgress } from './round.js';

/** A run as it goes. */
export interface RunProgress extends RoundProgress {
  readonly options: ChaosOptions;
  /** Rounds that are over. */
  readonly finished: readonly RoundRecord[];
  /** Since the run began. */
  readonly elapsedMs: number;
}

/** The time that is left of a run may be too short for a round. */
const shortestRoundSeconds = 5;

/**
 * Plays rounds until the time is over. Round n is played with seed + n - 1: what one of them found is
 * repeated by a run of one round with its seed.
 */
export async function runChaos(
  options: ChaosOptions,
  onProgress: (progress: RunProgress) => void = () => undefined,
): Promise<RunRecord> {
  const startedAt = new Date();
  const began = performance.now();
  const finished: RoundRecord[] = [];
  const elapsedMs = () => performance.now() - began;
  const leftSeconds = () => options.durationSeconds - elapsedMs() / 1000;
  for (let number = 1; number === 1 || leftSeconds() >= shortestRoundSeconds; number++) {
    const round = await playRound({
      ...options,
      number,
      seed: options.seed + number - 1,
      roundSeconds: Math.min(options.roundSeconds, Math.max(shortestRoundSeconds, leftSeconds())),
      onProgress: (progress) => onProgress({ ...progress, options, finished, elapsedMs: elapsedMs() }),
    });
    finished.push(round);
    if (options.signal && isAborted(options.signal)) break;
    if (options.stopAtViolation && round.violations.length > 0) break;
  }
  const { seed, mutant, signal, stopAtViolation, ...rest } = options;
  void stopAtViolation;
  const stopped = signal ? isAborted(signal) : false;
  return {
    format: 1,
    startedAt: startedAt.toISOString(),
    seed,
    command: commandOf(options),
    commit: await commit(),
    machine: await machine(),
    options: { ...rest, ...(stopped && { stopped }) },
    mutant: mutant ?? null,
    rounds: finished,
  };
}

const run = promisify(execFile);

/** null outside a clone, or without git. */
async function commit(): Promise<string | null> {
  try {
    const { stdout } = await run('git', ['rev-parse', 'HEAD'], { cwd: repositoryRoot });
    return stdout.trim();
  } catch {
    return null;
  }
}

async function machine(): Promise<RunRecord['machine']> {
  const { cores: cpus, ...host } = describeHost();
  return { cpus, ...host, redis: (await findRedisBinary())?.version ?? 'unknown' };
}
