import { writeFile } from 'node:fs/promises';
import { ConfigError, helpText } from '../shared/runtime/config.js';
import { onStopSignals } from '../shared/runtime/stop-signals.js';
import { chaosSettings, loadChaosConfig, optionsOf } from './options.js';
import { plantedBugs } from './planted/bugs.js';
import { runTrials } from './planted/trials.js';
import { writeJson } from './report/json.js';
import { LiveLine } from './report/live.js';
import { reportPage } from './report/page.js';
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

Real servers, agents and Redis run on loopback, with data of their own that is deleted afterwards.
Exit code 1 on any violation, and when a run exercised too little to show anything.
`;

/** @returns the exit code */
async function main(argv: readonly string[]): Promise<number> {
  if (argv.some((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write(`${helpText('npm run chaos --', chaosSettings)}${examples}`);
    return 0;
  }
  const config = loadChaosConfig(argv);
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
  try {
    live.say(`Seed ${options.seed}`);
    if (config.planted !== undefined) return await tryJudge(config.planted, options.seed, stopped.signal);
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
    if (config.json !== undefined) await writeJson(config.json, record, verdict);
    if (config.page !== undefined) await writeFile(config.page, reportPage(record, verdict));
    if (!stopped.signal.aborted) return verdict.exitCode;
    process.stdout.write('Stopped before its time: this report is of what was seen until then.\n');
    return 1;
  } finally {
    live.end();
    forget();
  }
}

/** The judge itself is on trial. @throws ConfigError when there is no such bug */
async function tryJudge(planted: string, seed: number, signal: AbortSignal): Promise<number> {
  const bugs = planted === 'all' ? plantedBugs : plantedBugs.filter(({ name }) => name === planted);
  if (bugs.length === 0) {
    const known = ['all', ...plantedBugs.map(({ name }) => name)].join(', ');
    throw new ConfigError([`--planted must be one of ${known}`]);
  }
  return runTrials({ bugs, seed, signal, print: (line) => process.stdout.write(`${line}\n`) });
}

main(process.argv.slice(2)).then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${error instanceof ConfigError ? error.message : text}\n`);
    process.exit(1);
  },
);
