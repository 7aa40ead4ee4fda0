import { prettifyError, ZodError } from 'zod';
import { ConfigError, helpText } from '../shared/runtime/config.js';
import { suggestion } from '../shared/runtime/flags.js';
import { outliveOutput, standardError } from '../shared/runtime/log-output.js';
import { onStopSignals } from '../shared/runtime/stop-signals.js';
import { chaosSettings, loadChaosConfig, optionsOf } from './options.js';
import { mutants } from './mutants/mutants.js';
import { runMutants } from './mutants/mutant-runs.js';
import { type ReportFiles, writeReports } from './report/files.js';
import { readJson } from './report/json.js';
import { LiveLine } from './report/live.js';
import { reportText } from './report/text.js';
import { judgeRun } from './report/verdict.js';
import { runChaos } from './run.js';

const examples = `
Examples
  npm run chaos                                       a minute of everything
  npm run chaos -- --duration=30m --page=chaos.html   half an hour in rounds, and a page with plots
  npm run chaos -- --seed=4711 --transport=http       the same faults as last time, agents over HTTP only
  npm run chaos -- --mix=kill=3,freeze                kills, three times as frequent, and freezes
  npm run chaos -- --lease=15000 --agents=8           your own settings
  npm run chaos -- --read=run.json --page=chaos.html  the page of a run that wrote run.json

Real servers, agents and Redis run on loopback, with data of their own that is deleted afterwards.
Exit code 1 on any violation; 2 when a run exercised too little, or was stopped too early, to show anything.
`;

/** @returns the exit code */
async function main(argv: readonly string[]): Promise<number> {
  if (argv.some((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write(`${helpText('npm run chaos --', chaosSettings)}${examples}`);
    return 0;
  }
  const config = loadChaosConfig(argv);
  if (config.read !== undefined) return await reportAgain(config.read, config);
  const options = optionsOf(config);
  const stopped = new AbortController();
  const live = new LiveLine(process.stderr);
  const forget = onStopSignals({
    first: (signal) => {
      live.say(`${signal}: the round ends here and is judged; once more to exit at once`);
      stopped.abort();
    },
    second: () => process.exit(1),
  });
  // The report has lost its reader: the run stops gracefully, and takes its processes with it.
  outliveOutput(() => stopped.abort());
  try {
    live.say(`Seed ${options.seed}`);
    if (config.mutants !== undefined)
      return await tryHistoryChecker(config.mutants, options.seed, stopped.signal);
    const record = await runChaos(
      { ...options, signal: stopped.signal },
      ({ round, sample, faults, finished, elapsedMs }) =>
        live.show({
          round,
          sample,
          faults,
          elapsedMs,
          ended: finished,
          plannedMs: options.durationSeconds * 1000,
        }),
    );
    live.end();
    const verdict = judgeRun(record);
    process.stdout.write(reportText(record, verdict));
    await writeReports(config, record, verdict);
    return verdict.exitCode;
  } finally {
    live.end();
    forget();
  }
}

/** Reports a finished run again, by the coverage minimums of this version, in the formats that are asked for. */
async function reportAgain(path: string, files: ReportFiles): Promise<number> {
  const { record, verdict } = await readJson(path).catch((error: unknown) => {
    if (error instanceof ZodError)
      throw new ConfigError([`--read: ${path} is no record of a chaos run`, prettifyError(error)]);
    throw new ConfigError([`--read: ${path}: ${error instanceof Error ? error.message : String(error)}`]);
  });
  process.stdout.write(reportText(record, verdict));
  await writeReports(files, record, verdict);
  return verdict.exitCode;
}

/** Tests the history checker itself on mutants. @throws ConfigError when there is no such mutant */
async function tryHistoryChecker(wanted: string, seed: number, signal: AbortSignal): Promise<number> {
  const chosen = wanted === 'all' ? mutants : mutants.filter(({ name }) => name === wanted);
  if (chosen.length === 0) {
    const known = ['all', ...mutants.map(({ name }) => name)];
    throw new ConfigError([`--mutants: must be one of ${known.join(', ')}${suggestion(wanted, known)}`]);
  }
  return runMutants({ mutants: chosen, seed, signal, print: (line) => process.stdout.write(`${line}\n`) });
}

main(process.argv.slice(2)).then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    standardError.write(`${error instanceof ConfigError ? error.message : text}\n`);
    process.exit(1);
  },
);
