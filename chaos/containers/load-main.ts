import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigError, loadConfig } from '../../shared/runtime/config.js';
import { onStopSignals } from '../../shared/runtime/stop-signals.js';
import { describeHost } from '../../testing/host.js';
import { type RunRecord } from '../record.js';
import { writeJson } from '../report/json.js';
import { LiveLine } from '../report/live.js';
import { reportPage } from '../report/page.js';
import { reportText } from '../report/text.js';
import { judgeRun } from '../report/verdict.js';
import { type PlayedRound, playLoad } from './load-round.js';
import { type LoadServiceConfig, loadServiceSettings } from './settings.js';
import { RedisClients } from './stage.js';

/** The service `load`: submits commands, checks what happened, and ends with the report. @returns the exit code */
async function main(config: LoadServiceConfig): Promise<number> {
  const startedAt = new Date().toISOString();
  const seed = config.seed ?? Date.now() % 1_000_000;
  const stopped = new AbortController();
  const live = new LiveLine(process.stdout);
  onStopSignals({
    first: (signal) => {
      live.say(`${signal}: the load ends here and is judged`);
      stopped.abort();
    },
    second: () => process.exit(1),
  });
  const redisClients = new RedisClients(config.redisUrl);
  try {
    live.say(`Seed ${seed}; waiting for a server and an agent`);
    const plannedMs = config.durationSeconds * 1000;
    const played = await playLoad({
      ...config,
      seed,
      redisClients,
      signal: stopped.signal,
      onProgress: (sample, faults) =>
        live.show({ ended: [], round: 1, elapsedMs: sample.atMs, plannedMs, sample, faults }),
    });
    live.end();
    const record = await recordOf({ config, seed, startedAt, ...played, redisClients });
    const verdict = judgeRun(record);
    process.stdout.write(reportText(record, verdict));
    if (config.reports !== undefined) {
      await mkdir(config.reports, { recursive: true });
      await writeJson(join(config.reports, 'containers.json'), record, verdict);
      await writeFile(join(config.reports, 'containers.html'), reportPage(record, verdict));
    }
    // A load that was stopped has seen less than was asked for, and so is inconclusive.
    return stopped.signal.aborted && verdict.passed ? 2 : verdict.exitCode;
  } finally {
    redisClients.close();
  }
}

interface Played extends PlayedRound {
  readonly config: LoadServiceConfig;
  readonly seed: number;
  readonly startedAt: string;
  readonly redisClients: RedisClients;
}

async function recordOf({ config, seed, startedAt, round, kinds, redisClients }: Played): Promise<RunRecord> {
  const { durationSeconds, clients, concurrency, queues, leaseMs, commands } = config;
  const info = await redisClients.client().info('server');
  const { cores: cpus, ...host } = describeHost();
  const types = commands === undefined ? '' : ` CHAOS_COMMANDS=${commands}`;
  const own = `CHAOS_SEED=${seed} LOAD_DURATION=${durationSeconds}s LOAD_CLIENTS=${clients} LEASE_MS=${leaseMs} AGENT_CONCURRENCY=${concurrency}${types}`;
  return {
    format: 1,
    startedAt,
    seed,
    command: `${own} docker compose -p fencepost-chaos --profile chaos up -d --scale agent=${round.agents.length}`,
    commit: null,
    machine: { cpus, ...host, redis: /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown' },
    options: { durationSeconds, clients, concurrency, queues, leaseMs, mix: kinds, tally: 'not counted' },
    mutant: null,
    rounds: [round],
  };
}

Promise.resolve()
  .then(() => main(loadConfig('the service load', loadServiceSettings)))
  .then(
    (exitCode) => process.exit(exitCode),
    (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.stderr.write(`${error instanceof ConfigError ? error.message : text}\n`);
      process.exit(1);
    },
  );
