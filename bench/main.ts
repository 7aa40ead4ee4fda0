import { join } from 'node:path';
import { ConfigError } from '../shared/runtime/config.js';
import { outliveOutput, standardError } from '../shared/runtime/log-output.js';
import { onStopSignals } from '../shared/runtime/stop-signals.js';
import { repositoryRoot } from '../testing/redis-server.js';
import { parseSuite, usage } from './options.js';
import { type BenchmarkRecord } from './report/record.js';
import { keepResult } from './results.js';
import { runSmoke } from './smoke-program.js';
import { runSuite } from './suite.js';

const say = (line: string) => process.stdout.write(`${line}\n`);

/** @returns the exit code */
async function main(argv: readonly string[]): Promise<number> {
  if (argv.some((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write(usage());
    return 0;
  }
  const stopped = new AbortController();
  const forget = onStopSignals({
    first: (signal) => stopped.abort(new Stopped(`by ${signal}`)),
    second: () => process.exit(1),
  });
  outliveOutput(() => stopped.abort(new Stopped('since its output is no longer read')));
  try {
    if (argv[0] === 'smoke') return await runSmoke(argv.slice(1), stopped.signal);
    await runAndKeep(argv, stopped.signal);
    return 0;
  } catch (error) {
    // Ctrl-C reaches Redis too, and its end may be noticed before the signal is.
    await new Promise((resolve) => setImmediate(resolve));
    throw stopped.signal.aborted ? stopped.signal.reason : error;
  } finally {
    forget();
  }
}

async function runAndKeep(argv: readonly string[], signal: AbortSignal): Promise<void> {
  const { benchmarks, rounds, short, results } = parseSuite(argv);
  const folder = results ?? (short ? undefined : join(repositoryRoot, 'bench', 'results'));
  const onRecord = async (record: BenchmarkRecord) => {
    if (folder !== undefined) await keepResult(folder, record);
  };
  await runSuite({ benchmarks, rounds, short, signal, say, onRecord });
  say(
    folder === undefined ? 'Nothing was written: a short run without --results' : join(folder, 'results.md'),
  );
}

/** Ctrl-C, or closed output. */
class Stopped extends Error {
  override readonly name = 'Stopped';

  constructor(why: string) {
    super(`stopped ${why}`);
  }
}

main(process.argv.slice(2)).then(
  (exitCode) => (process.exitCode = exitCode),
  (error: unknown) => {
    const known = error instanceof ConfigError || error instanceof Stopped;
    const text =
      error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : String(error);
    standardError.write(`${text}\n`);
    // A connection that still tries to reach the stopped Redis must not keep this process.
    process.exit(1);
  },
);
