import { z } from 'zod';
import { boolean, ConfigError, integer, loadConfig, setting } from '../shared/runtime/config.js';
import { suggestion } from '../shared/runtime/flags.js';
import { shown } from '../shared/runtime/redact.js';
import { type Benchmark } from './benchmark.js';
import { benchmarks } from './benchmarks.js';

const suiteSettings = {
  rounds: setting(
    'ROUNDS',
    integer(1, 100).default(5),
    'number of measured alternating pairs, after one to warm up',
  ),
  short: setting(
    'SHORT',
    boolean().default(false),
    'a few commands of each benchmark: shows that it runs, not how fast; written only with --results',
  ),
  results: setting(
    'RESULTS',
    z.string().min(1).optional(),
    'folder for the measurements; else bench/results',
  ),
} as const;

export interface SuiteRequest {
  readonly benchmarks: readonly Benchmark[];
  readonly rounds: number;
  readonly short: boolean;
  /** Undefined: where the repository keeps them. */
  readonly results: string | undefined;
}

/** @param argv what follows `npm run bench --`, without `smoke`. @throws ConfigError with every fault */
export function parseSuite(argv: readonly string[]): SuiteRequest {
  const [first, ...rest] = argv;
  const named = first === undefined || first.startsWith('-') ? undefined : first;
  const chosen = named === undefined ? benchmarks : benchmarks.filter(({ name }) => name === named);
  if (named !== undefined && chosen.length === 0) throw new ConfigError([unknownText(named)]);
  // Flags only: as environment variables these names could belong to any program.
  const flags = { argv: named === undefined ? argv : rest, env: {}, dotenv: '' };
  return { benchmarks: chosen, ...loadConfig('npm run bench --', suiteSettings, flags) };
}

function unknownText(name: string): string {
  const known = [...benchmarks.map((benchmark) => benchmark.name), 'smoke'];
  return `no benchmark is called ${shown(name)}${suggestion(name, known) || '.'} There are ${known.join(', ')}`;
}

/** Returns the text that `--help` prints. */
export function usage(): string {
  const width = Math.max(...benchmarks.map(({ name }) => name.length), 'smoke'.length);
  const lines = benchmarks.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`);
  return `npm run bench -- [benchmark] [--rounds=N] [--short] [--results=FOLDER]

  Runs all benchmarks one after the other, or the named one. Writes bench/results/results.md, with each
  target beside its measurement, and the raw samples and plots of each benchmark. Leave the machine alone
  meanwhile: other load distorts the figures. A missed target is a result, not a failure.

${lines.join('\n')}

  --rounds    number of measured alternating pairs, after one to warm up, 1 to 100; 5 if unset
  --short     a few commands of each benchmark: shows that it runs, not how fast; written only with --results
  --results   the folder to write into; bench/results if unset

npm run bench -- smoke [--commands=N] [--rounds=N] [--json=FILE]

  Counts the writes per command, and measures end-to-end throughput beside BullMQ, in alternating
  rounds. Exit code 1 when Fencepost exceeds its budget of writes; never because of a time.

  --commands  no-op commands per round and system, 1 to 50000; 5000 if unset
  --rounds    rounds of each, after one to warm up, 1 to 20; 3 if unset
  --json      write the result to this file too
`;
}
