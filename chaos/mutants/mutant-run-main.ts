import { onStopSignals } from '../../shared/runtime/stop-signals.js';
import { parseMix, usualMix } from '../mix.js';
import { type ChaosOptions, usualRetentionMs } from '../options.js';
import { runChaos } from '../run.js';
import { mutantNamed } from './mutants.js';
import { nameVariable } from './note.js';
import { type Mutant } from './mutant.js';
import { type Sight } from './mutant-run.js';

/** Several rounds: a violation that shows only at rest is found at the end of one. */
const longestRoundSeconds = 30;

function optionsFor({ name, needs }: Mutant, seed: number, seconds: number): ChaosOptions {
  const leaseMs = needs?.leaseMs ?? 2500;
  return {
    seed,
    durationSeconds: seconds,
    roundSeconds: Math.min(seconds, longestRoundSeconds),
    agents: needs?.agents ?? 4,
    servers: 2,
    clients: 24,
    transport: 'both',
    leaseMs,
    retentionMs: needs?.retentionMs ?? usualRetentionMs(leaseMs),
    mix: (needs?.mix === undefined ? undefined : parseMix(needs.mix)) ?? usualMix,
    mutant: name,
    stopAtViolation: true,
  };
}

/**
 * One chaos run, in a process of its own that has the mutant too: the harness knows scripts by their
 * digests, and these must be the mutated ones. The last line that it prints is what it saw, as JSON.
 */
async function main([seed, seconds]: readonly string[]): Promise<void> {
  const began = performance.now();
  const mutant = mutantNamed(process.env[nameVariable] ?? '');
  const stopped = new AbortController();
  onStopSignals({ first: () => stopped.abort(), second: () => process.exit(1) });
  const options = optionsFor(mutant, Number(seed), Number(seconds));
  const { rounds } = await runChaos({ ...options, signal: stopped.signal });
  const sight: Sight = {
    seconds: (performance.now() - began) / 1000,
    faults: rounds.flatMap(({ faults }) => faults).filter(({ verifiedMs }) => verifiedMs !== null).length,
    accepted: rounds.reduce((sum, { counts }) => sum + counts.accepted, 0),
    violations: rounds.flatMap(({ violations }) =>
      violations.map(({ invariant, commandId, what }) => ({ invariant, commandId, what })),
    ),
    troubles: rounds.flatMap(({ troubles }) => troubles),
    histories: rounds.flatMap(({ histories }) => Object.values(histories).map((lines) => [...lines])),
  };
  // A pipe takes only so much at once: a process that exits before it has taken all of it loses the rest.
  await new Promise((written) => process.stdout.write(`${JSON.stringify(sight)}\n`, written));
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    process.exit(1);
  },
);
