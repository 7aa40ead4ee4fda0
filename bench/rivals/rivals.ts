import { type Benchmark, type BenchmarkContext, type BenchmarkResult, type Samples } from '../benchmark.js';
import { BullMq } from '../bullmq.js';
import { type Contestant } from '../contestant.js';
import { CpuMeter, totalCpu } from '../cpu-meter.js';
import { Fencepost } from '../fencepost.js';
import { cycleLap } from '../laps.js';
import { load } from '../load.js';
import { withRedis } from '../redis.js';
import { figure, ratioText } from '../report/wording.js';
import { spreadOf } from '../statistics.js';
import { type TestRedis } from '../../testing/redis-server.js';
import { inTurns } from '../turns.js';
import { beePackage, BeeQueue, beeVersion } from './bee.js';

const install = `npm install --no-save ${beePackage}@${beeVersion}`;

type Rival = Contestant & { readonly workerPid: number | undefined };

interface Candidate {
  readonly name: string;
  /** @returns undefined where it is not installed */
  readonly open: (redis: TestRedis) => Promise<Rival | undefined>;
  /** The fate of a job whose worker is killed, by the manual. */
  readonly whenKilled: string;
}

const candidates: readonly Candidate[] = [
  {
    name: 'BullMQ',
    open: (redis) => Promise.resolve(new BullMq(redis)),
    whenKilled:
      'its jobs stall, and are executed again, once by default, then FAILED; a job cannot say that it must not be',
  },
  {
    name: 'Bee-Queue',
    open: (redis) => BeeQueue.open(redis),
    whenKilled:
      'its jobs wait until a process calls `checkStalledJobs`, and are executed again then, each time',
  },
];
const ownWord =
  'FAILED with `executed: unknown`, or executed again where the command allows that; an outcome that was reached is reported by its next run';

export const rivals: Benchmark = {
  name: 'rivals',
  about: 'the whole cycle beside other queues for Node that need nothing but Redis',
  method: [
    `No-ops submitted in batches of ${load.batch} and worked off at a concurrency of ${load.concurrency} meanwhile, by one process each, on one Redis with \`appendfsync always\`: the settings under which a submission that was answered is not lost. Each is compared with Fencepost in neighbouring laps (A B A B …), on a fresh data set. All keep what is completed.`,
    `Bee-Queue is not among what a clone installs; \`${install}\` brings it for one run. What becomes of work whose process is killed is each project's own word.`,
  ],
  targets: [],
  run: runRivals,
};

interface Race {
  readonly candidate: Candidate;
  readonly ratios: readonly number[];
  readonly ours: readonly Taken[];
  readonly theirs: readonly Taken[];
}

interface Taken {
  readonly perSecond: number;
  /** µs per command, of all processes. */
  readonly cpu: number;
}

async function runRivals(context: BenchmarkContext): Promise<BenchmarkResult> {
  const commands = context.short ? 300 : 10_000;
  const races: Race[] = [];
  for (const candidate of candidates) {
    const race = await withRedis((redis) => compete(redis, candidate, commands, context));
    if (race) races.push(race);
    const result = race ? `ratio ${ratioText(race.ratios)}` : `it is not installed (${install})`;
    context.say(`the whole cycle, beside ${candidate.name}: ${result}`);
  }
  return resultOf(races, commands);
}

async function compete(
  redis: TestRedis,
  candidate: Candidate,
  commands: number,
  { rounds, signal }: BenchmarkContext,
): Promise<Race | undefined> {
  const rival = await candidate.open(redis);
  if (!rival) return undefined;
  const fencepost = new Fencepost(redis);
  const lap = cycleLap(commands);
  const take = async (contestant: Rival): Promise<Taken> => {
    const meter = new CpuMeter(redis.pid, contestant.workerPid, true);
    const ms = await lap(contestant, signal, meter);
    return { perSecond: commands / (ms / 1000), cpu: (totalCpu(meter.used) * 1000) / commands };
  };
  try {
    // One after the other: a start that fails must not leave the other half done.
    await fencepost.start();
    await rival.start();
    const pairs = await inTurns({
      rounds,
      signal,
      ours: () => take(fencepost),
      theirs: () => take(rival),
    });
    return {
      candidate,
      ratios: pairs.map(({ ours, theirs }) => ours.perSecond / theirs.perSecond),
      ours: pairs.map(({ ours }) => ours),
      theirs: pairs.map(({ theirs }) => theirs),
    };
  } finally {
    await Promise.all([fencepost.stop(), rival.stop()]);
  }
}

function resultOf(races: readonly Race[], commands: number): BenchmarkResult {
  const median = (taken: readonly Taken[], of: (one: Taken) => number) => spreadOf(taken.map(of)).median;
  const rates = (taken: readonly Taken[]) => taken.map(({ perSecond }) => perSecond);
  return {
    settings: { 'commands per lap': commands, appendfsync: 'always' },
    tables: [
      {
        title: 'The whole cycle, and what a kill costs',
        columns: [
          '',
          'its commands/s',
          "Fencepost's",
          'Fencepost is',
          'its CPU',
          "Fencepost's",
          'when a worker is killed',
        ],
        rows: [
          ...races.map(({ candidate, ratios, ours, theirs }) => [
            candidate.name,
            figure(median(theirs, ({ perSecond }) => perSecond)),
            figure(median(ours, ({ perSecond }) => perSecond)),
            ratioText(ratios),
            `${figure(median(theirs, ({ cpu }) => cpu))} µs`,
            `${figure(median(ours, ({ cpu }) => cpu))} µs`,
            candidate.whenKilled,
          ]),
          ['Fencepost', '', '', '', '', '', ownWord],
        ],
      },
    ],
    plots: [
      {
        title: 'The whole cycle',
        unit: 'commands/s',
        by: 'beside',
        groups: races.map(({ candidate }) => candidate.name),
        series: [
          { name: 'Fencepost', values: races.map(({ ours }) => spreadOf(rates(ours))) },
          { name: 'the other', values: races.map(({ theirs }) => spreadOf(rates(theirs))) },
        ],
      },
    ],
    measured: [],
    samples: races.flatMap(({ candidate: { name }, ours, theirs }) => samplesOf(name, ours, theirs)),
  };
}

function samplesOf(name: string, ours: readonly Taken[], theirs: readonly Taken[]): Samples[] {
  const both = [
    [`beside ${name}: Fencepost`, ours],
    [`beside ${name}: ${name}`, theirs],
  ] as const;
  return both.flatMap(([what, taken]) => [
    { what, unit: 'commands/s', values: taken.map(({ perSecond }) => perSecond) },
    { what: `${what}, CPU`, unit: 'µs', values: taken.map(({ cpu }) => cpu) },
  ]);
}
