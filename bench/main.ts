import { writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { ConfigError, integer, loadConfig, setting } from '../shared/runtime/config.js';
import { onStopSignals } from '../shared/runtime/stop-signals.js';
import { startRedis } from './redis.js';
import { smoke } from './smoke.js';
import { resultText, roundText } from './smoke-text.js';

const usage = `npm run bench -- smoke [--commands=N] [--rounds=N] [--json=FILE]

  smoke   Fencepost beside BullMQ on a private Redis: throughput end to end in alternating rounds, and
          the writes that each needs per command. Exit code 1 when Fencepost exceeds its budget of writes;
          never because of a time.

  --commands   no-op commands per round and system, 1 to 50000; 5000 if unset
  --rounds     rounds of each, after one to warm up, 1 to 20; 3 if unset
  --json       write the result to this file too
`;

const settings = {
  commands: setting('COMMANDS', integer(1, 50_000).default(5000), 'no-op commands per round and system'),
  rounds: setting('ROUNDS', integer(1, 20).default(3), 'rounds of each system'),
  json: setting('JSON', z.string().min(1).optional(), 'a file for the result'),
} as const;

/** @returns the exit code */
async function main([benchmark, ...argv]: readonly string[]): Promise<number> {
  if (argv.concat(benchmark ?? []).some((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write(usage);
    return 0;
  }
  if (benchmark !== 'smoke') throw new ConfigError([usage]);
  // Flags only: in the environment these names would be anybody's.
  const { commands, rounds, json } = loadConfig('npm run bench -- smoke', settings, {
    argv,
    env: {},
    dotenv: '',
  });
  const stopped = new AbortController();
  const forget = onStopSignals({
    first: (signal) => stopped.abort(new Stopped(signal)),
    second: () => process.exit(1),
  });
  const redis = await startRedis();
  try {
    const result = await smoke(redis, {
      commands,
      rounds,
      signal: stopped.signal,
      onRound: (round, number) => process.stdout.write(`${roundText(round, number)}\n`),
    });
    process.stdout.write(resultText(result));
    if (json !== undefined) await writeFile(json, `${JSON.stringify(result, null, 2)}\n`);
    return result.writes.overruns.length === 0 ? 0 : 1;
  } catch (error) {
    // Ctrl-C reaches Redis too, and its end may be noticed before the signal is.
    await new Promise((resolve) => setImmediate(resolve));
    throw stopped.signal.aborted ? stopped.signal.reason : error;
  } finally {
    await redis.stop();
    forget();
  }
}

/** Ctrl-C. */
class Stopped extends Error {
  override readonly name = 'Stopped';

  constructor(signal: NodeJS.Signals) {
    super(`stopped by ${signal}`);
  }
}

main(process.argv.slice(2)).then(
  (exitCode) => (process.exitCode = exitCode),
  (error: unknown) => {
    const known = error instanceof ConfigError || error instanceof Stopped;
    const text =
      error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
    process.stderr.write(`${text}\n`);
    // A connection that still tries to reach the stopped Redis must not keep this process.
    process.exit(1);
  },
);
