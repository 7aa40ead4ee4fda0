import { type OnAgentLost, onAgentLostSchema } from '../../shared/protocol/commands.js';
import { type Benchmark, type BenchmarkContext, type BenchmarkResult, measuredP99 } from '../benchmark.js';
import { withRedis } from '../redis.js';
import { killBullMqWorker } from './bullmq-kills.js';
import { FencepostKills } from './fencepost-kills.js';
import { type Fate, fates, type Kill } from './kill.js';
import { lineOf, plotOf, recoveredS, samplesOf, type Series, tableOf } from './series.js';

interface Settings {
  readonly inFlight: readonly number[];
  readonly leaseMs: number;
  /** How often an agent is killed and started again, for each policy. */
  readonly restarts: (inFlight: number) => number;
  /** How often one is killed for good, for each policy. */
  readonly departures: number;
  /** How long BullMQ's workers have been at work when they are killed: one kill for each. */
  readonly bullMqAfterMs: readonly number[];
  /** `lockDuration` and `stalledInterval`; BullMQ's defaults when left out. */
  readonly bullMqPauseMs: number | undefined;
}

const long: Settings = {
  inFlight: [1, 100, 1000],
  leaseMs: 15_000,
  // More than a hundred in all, so that their p99 is not simply the slowest.
  restarts: (inFlight) => (inFlight === 1000 ? 8 : 22),
  departures: 2,
  bullMqAfterMs: [0, 12_000, 24_000],
  bullMqPauseMs: undefined,
};

const short: Settings = {
  inFlight: [3],
  // Longer than a busy machine keeps a process waiting.
  leaseMs: 3000,
  restarts: () => 1,
  departures: 1,
  bullMqAfterMs: [0],
  bullMqPauseMs: 1000,
};

const policies = onAgentLostSchema.options;
const fencepostWith = (policy: OnAgentLost) => `Fencepost, ${policy}`;

export const recovery: Benchmark = {
  name: 'recovery',
  about: 'from SIGKILL of a process with work in flight until all of it is settled and the next command runs',
  method: [
    'A process executes as many commands at once as it may (1, 100 or 1,000), each of which has written itself ' +
      'into a ledger outside and then takes minutes. The process gets SIGKILL; right after it one more command ' +
      'is submitted. Recovery ends when every command that was in flight is terminal or back in the queue ' +
      "(Fencepost's channel, BullMQ's `stalled` events) **and** the next command has written itself into the ledger.",
    'Restarted: the process is started again, with the same data directory, as soon as its exit is noticed, as ' +
      '`npm start` does it. Gone: another one with free slots is there, and the killed one never comes back. ' +
      "Fencepost's agents are killed as soon as all has begun, or, when the other one has been started meanwhile, " +
      'about a second later: most of the lease is then still to run.',
    'Fencepost with one server and `onAgentLost` both ways: `fail` ends what was in flight as AGENT_LOST, ' +
      '`retry` puts it back. Its kills come one after the other; those that wait for a lease at the same time for all ' +
      'three sizes. Afterwards each deployment is judged by the eight invariants: any violation fails the ' +
      'benchmark.',
    'BullMQ at its defaults (lock 30 s, check for stalled jobs every 30 s, put back once), each worker killed ' +
      '0, 12 or 24 s after it has begun, since it matters where in its rounds a kill falls; all of its kills at the ' +
      'same time, since nearly all of it is waiting.',
    'Executed twice: commands that were in flight and that the ledger shows more than once.',
  ],
  targets: ['recovery-restarted', 'recovery-gone'],

  async run(context: BenchmarkContext): Promise<BenchmarkResult> {
    const settings = context.short ? short : long;
    const ours = await killAgents(settings, context);
    const theirs = await killWorkers(settings, context);
    const all = [...ours, ...theirs];
    const seconds = (fate: Fate) =>
      ours.filter((series) => series.fate === fate).flatMap(({ kills }) => kills.map(recoveredS));
    return {
      settings: {
        'lease, s': settings.leaseMs / 1000,
        appendfsync: 'always',
        'BullMQ lockDuration and stalledInterval, s': (settings.bullMqPauseMs ?? 30_000) / 1000,
      },
      tables: [tableOf(all)],
      plots: [
        plotOf(all, 'Recovery, process restarted at once', 'restarted'),
        plotOf(all, `Recovery, process gone for good (lease ${settings.leaseMs / 1000} s)`, 'gone'),
      ],
      measured: [
        measuredP99('recovery-restarted', seconds('restarted')),
        measuredP99(
          'recovery-gone',
          seconds('gone').map((s) => s - settings.leaseMs / 1000),
        ),
      ],
      samples: all.flatMap(samplesOf),
    };
  },
};

async function killAgents(settings: Settings, { signal, say }: BenchmarkContext): Promise<Series[]> {
  const { inFlight, leaseMs, restarts, departures } = settings;
  const deployments: { size: number; kills: FencepostKills }[] = [];
  const repeat = async (size: number, kills: FencepostKills, fate: Fate, times: number) => {
    const series: Series[] = [];
    for (const policy of policies) {
      const done: Kill[] = [];
      while (done.length < times) done.push(await kills.kill(fate, policy, signal));
      const one = { system: fencepostWith(policy), inFlight: size, fate, kills: done };
      say(lineOf(one));
      series.push(one);
    }
    return series;
  };
  try {
    for (const size of inFlight) {
      deployments.push({ size, kills: await FencepostKills.start({ inFlight: size, leaseMs }) });
    }
    const restarted: Series[] = [];
    for (const { size, kills } of deployments) {
      restarted.push(...(await repeat(size, kills, 'restarted', restarts(size))));
    }
    const gone = await Promise.all(
      deployments.map(({ size, kills }) => repeat(size, kills, 'gone', departures)),
    );
    const series = [...restarted, ...gone.flat()];
    checkExecutions(series);
    for (const { kills } of deployments) await kills.check();
    return series;
  } finally {
    for (const { kills } of deployments) await kills.stop();
  }
}

/** Checks that exactly the commands whose policy is `retry` were executed twice. */
function checkExecutions(all: readonly Series[]): void {
  for (const { system, inFlight, kills } of all) {
    const wanted = system === fencepostWith('retry') ? inFlight : 0;
    const wrong = kills.find(({ executedTwice }) => executedTwice !== wanted);
    if (wrong) throw new Error(`${system}: ${wrong.executedTwice} of ${inFlight} were executed twice`);
  }
}

async function killWorkers(settings: Settings, context: BenchmarkContext): Promise<Series[]> {
  const { inFlight, bullMqAfterMs, bullMqPauseMs: pauseMs } = settings;
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const inTurn = oneByOne();
  const kinds = inFlight.flatMap((size) => fates.map((fate) => ({ inFlight: size, fate })));
  return withRedis(async (redis) => {
    const killAll = async (kind: (typeof kinds)[number]): Promise<Series> => {
      const under = { redis, ...kind, pauseMs, inTurn, signal };
      const kills = await Promise.all(
        bullMqAfterMs.map((afterMs) => killBullMqWorker({ ...under, afterMs })),
      );
      const series = { system: 'BullMQ', ...kind, kills };
      context.say(lineOf(series));
      return series;
    };
    const all = kinds.map((kind) =>
      killAll(kind).catch((error: unknown) => {
        failed.abort(error);
        throw error;
      }),
    );
    // All have ended what they started before Redis ends, also when one of them fails.
    await Promise.allSettled(all);
    return Promise.all(all);
  });
}

/** Lets work begin only when what was given before has ended, however it did. */
function oneByOne() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}
