import { writeFile } from 'node:fs/promises';
import { ConfigError, helpText } from '../shared/runtime/config.js';
import { onStopSignals } from '../shared/runtime/stop-signals.js';
import { chaosSettings, loadChaosConfig, optionsOf } from './options.js';
import { bugNamed } from './planted/bugs.js';
import { Planting } from './planted/planting.js';
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
  const planting = config.planted === undefined ? undefined : await plant(config.planted);
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
    const record = await runChaos(
      { ...options, env: planting?.env ?? {}, signal: stopped.signal },
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
    if (planting && planting.notes().length === 0) throw new Error('no process has loaded the planted bug');
    if (!stopped.signal.aborted) return verdict.exitCode;
    process.stdout.write('Stopped before its time: this report is of what was seen until then.\n');
    return 1;
  } finally {
    live.end();
    await planting?.end();
    forget();
  }
}

/** @throws ConfigError when there is no such bug */
async function plant(name: string): Promise<Planting> {
  try {
    return await Planting.begin(bugNamed(name));
  } catch (error) {
    throw new ConfigError([`--planted: ${error instanceof Error ? error.message : String(error)}`]);
  }
}

main(process.argv.slice(2)).then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`${error instanceof ConfigError ? error.message : text}\n`);
    process.exit(1);
  },
);
