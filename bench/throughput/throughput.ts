import {
  type Benchmark,
  type BenchmarkContext,
  type BenchmarkResult,
  type Measured,
  measuredMedian,
  type Plot,
  type Samples,
  type Table,
} from '../benchmark.js';
import { BullMq } from '../bullmq.js';
import { CpuMeter, cpuParts, type CpuUse, totalCpu } from '../cpu-meter.js';
import { Fencepost } from '../fencepost.js';
import { load } from '../load.js';
import { type Lap } from '../laps.js';
import { type Fsync, withRedis } from '../redis.js';
import { figure, ratioText } from '../report/wording.js';
import { spreadOf } from '../statistics.js';
import { type TestRedis } from '../../testing/redis-server.js';
import { inTurns } from '../turns.js';
import { type Case, type Chapter, chapters } from './cases.js';

/** Commands per second and CPU time in µs per command, a value per counted lap, and the pairs' ratios. */
interface Rates {
  readonly fencepost: readonly number[];
  readonly bullmq: readonly number[];
  readonly ratios: readonly number[];
  readonly cpu: { readonly fencepost: readonly CpuUse[]; readonly bullmq: readonly CpuUse[] };
}

/** One case under both settings. */
type CaseRates = Readonly<Record<Fsync, Rates>>;

const labels: Readonly<Record<Fsync, string>> = { always: 'always', everysec: 'everysec, not safe' };

export const throughput: Benchmark = {
  name: 'throughput',
  about: 'submission and start→report beside BullMQ, without an HTTP layer on either side',
  method: [
    'Both systems use one Redis over its unix socket, on a fresh data set per row, and take turns (A B A B …) after one lap each to warm up. A lap is over when Redis says so: its counter of completed commands is read every 2 ms, in the same way for both. After every lap both must be at rest: everything completed, nothing pending, nothing failed.',
    "*Submit*: from the first call until the last answer, without a worker. Fencepost's commands go through the server's own `Submitter`, BullMQ's through `add` or `addBulk`, each over one connection.",
    "*Start→report*: the worker process is frozen (SIGSTOP) while the backlog is submitted; the clock starts when it is thawed and stops at the last completion. Fencepost's agent is the real one, with its journal, its lease and its registration; BullMQ's worker is a process with the same concurrency. Both keep what is completed.",
    '*The whole cycle*: submitted in batches and worked off at the same time.',
    '*CPU* is what the kernel counted between the start and the end of the clock, in user and kernel mode, all threads of all processes. It depends little on what else the machine does, and where that forbids a verdict by time, it decides. Submitting counts where it is timed; in start→report this process only asks whether all is done, which is left out.',
    '`everysec` loses what was acknowledged within the last second when Redis or the machine dies: it is shown for comparison, and no target is judged by it.',
  ],
  targets: ['submit-one', 'submit-batch', 'work-500', 'work-100', 'work-10', 'work-1', 'cycle-100'],
  run: runThroughput,
};

async function runThroughput(context: BenchmarkContext): Promise<BenchmarkResult> {
  const parts: Part[] = [];
  for (const chapter of chapters(context.short)) {
    const rates: CaseRates[] = [];
    for (const one of chapter.cases) rates.push(await takeCase(chapter, one, context));
    parts.push(partOf(chapter, rates));
  }
  return {
    settings: {
      payload: JSON.stringify(load.payload),
      'commands per lap': chapters(context.short)
        .flatMap(({ title, cases }) => cases.map(({ name, commands }) => `${title} (${name}) ${commands}`))
        .join(', '),
    },
    tables: parts.flatMap(({ table, cpuTable }) => [table, cpuTable]),
    plots: parts.map(({ plot }) => plot),
    measured: parts.flatMap(({ measured }) => measured),
    samples: parts.flatMap(({ samples }) => samples),
  };
}

async function takeCase({ title, by }: Chapter, one: Case, context: BenchmarkContext): Promise<CaseRates> {
  const take = async (fsync: Fsync) => {
    const rates = await withRedis((redis) => compare(redis, one, context), fsync);
    const [ours, theirs] = [spreadOf(rates.fencepost).median, spreadOf(rates.bullmq).median];
    context.say(
      `${title}, ${by} ${one.name}, ${labels[fsync]}: ` +
        `Fencepost ${figure(ours)}/s, BullMQ ${figure(theirs)}/s, ratio ${ratioText(rates.ratios)}`,
    );
    return rates;
  };
  return { always: await take('always'), everysec: await take('everysec') };
}

async function compare(
  redis: TestRedis,
  { commands, concurrency, lap, submits }: Case,
  { rounds, signal }: BenchmarkContext,
): Promise<Rates> {
  const [fencepost, bullmq] = [new Fencepost(redis, concurrency), new BullMq(redis, concurrency)];
  // Each has its own: a lap knows what its contestant was left with.
  const [oursLap, theirsLap] = [lap(), lap()];
  const take = async (by: Lap, contestant: Fencepost | BullMq) => {
    const meter = new CpuMeter(redis.pid, contestant.workerPid, submits);
    const ms = await by(contestant, signal, meter);
    return { ms, cpu: meter.used };
  };
  try {
    if (concurrency !== undefined) {
      // One after the other: a start that fails must not leave the other half done.
      await fencepost.start();
      await bullmq.start();
    }
    const pairs = await inTurns({
      rounds,
      signal,
      ours: () => take(oursLap, fencepost),
      theirs: () => take(theirsLap, bullmq),
    });
    const rate = ({ ms }: { readonly ms: number }) => commands / (ms / 1000);
    return {
      fencepost: pairs.map(({ ours }) => rate(ours)),
      bullmq: pairs.map(({ theirs }) => rate(theirs)),
      ratios: pairs.map(({ ours, theirs }) => theirs.ms / ours.ms),
      cpu: {
        fencepost: pairs.map(({ ours }) => perCommand(ours.cpu, commands)),
        bullmq: pairs.map(({ theirs }) => perCommand(theirs.cpu, commands)),
      },
    };
  } finally {
    await Promise.all([fencepost.stop(), bullmq.stop()]);
  }
}

/** In µs. */
function perCommand(use: CpuUse, commands: number): CpuUse {
  const of = (part: keyof CpuUse) => (use[part] * 1000) / commands;
  const [redis, redisThreads, worker] = [of('redis'), of('redisThreads'), of('worker')];
  return { redis, redisThreads, worker, workerThreads: of('workerThreads'), submitter: of('submitter') };
}

/** The contribution of a chapter to the result. */
interface Part {
  readonly table: Table;
  readonly cpuTable: Table;
  readonly plot: Plot;
  readonly measured: readonly Measured[];
  readonly samples: readonly Samples[];
}

function partOf({ title, by, cases }: Chapter, rates: readonly CaseRates[]): Part {
  const rows = cases.flatMap((one, i) => {
    const taken = rates[i];
    return taken === undefined ? [] : [{ one, taken }];
  });
  return {
    table: {
      title: `${title}: commands/s (always; then everysec, not safe)`,
      columns: [
        by,
        'Fencepost',
        'BullMQ',
        'ratio',
        'Fencepost, everysec',
        'BullMQ, everysec',
        'ratio, everysec',
      ],
      rows: rows.map(({ one, taken }) => [one.name, ...cells(taken.always), ...cells(taken.everysec)]),
    },
    cpuTable: cpuTable(title, by, rows),
    plot: {
      title,
      unit: 'commands/s',
      by,
      groups: cases.map(({ name }) => name),
      series: [
        { name: 'Fencepost, always', values: rows.map(({ taken }) => spreadOf(taken.always.fencepost)) },
        { name: 'BullMQ, always', values: rows.map(({ taken }) => spreadOf(taken.always.bullmq)) },
        {
          name: 'Fencepost, everysec (not safe)',
          values: rows.map(({ taken }) => spreadOf(taken.everysec.fencepost)),
        },
        {
          name: 'BullMQ, everysec (not safe)',
          values: rows.map(({ taken }) => spreadOf(taken.everysec.bullmq)),
        },
      ],
    },
    measured: rows.flatMap(({ one, taken }) =>
      one.target === undefined ? [] : [measuredMedian(one.target, taken.always.ratios)],
    ),
    samples: rows.flatMap(({ one, taken }) =>
      (['always', 'everysec'] as const).flatMap((fsync) => {
        const what = `${title}, ${by} ${one.name}, ${labels[fsync]}`;
        return [
          { what: `${what}: Fencepost`, unit: 'commands/s', values: [...taken[fsync].fencepost] },
          { what: `${what}: BullMQ`, unit: 'commands/s', values: [...taken[fsync].bullmq] },
          ...cpuSamples(`${what}: Fencepost`, taken[fsync].cpu.fencepost),
          ...cpuSamples(`${what}: BullMQ`, taken[fsync].cpu.bullmq),
        ];
      }),
    ),
  };
}

const cells = ({ fencepost, bullmq, ratios }: Rates) => [
  figure(spreadOf(fencepost).median),
  figure(spreadOf(bullmq).median),
  ratioText(ratios),
];

const partNames: Readonly<Record<keyof CpuUse, string>> = {
  redis: 'Redis',
  redisThreads: 'its other threads',
  worker: 'worker',
  workerThreads: 'its other threads',
  submitter: 'submitting',
};

function cpuTable(
  title: string,
  by: string,
  rows: readonly { readonly one: Case; readonly taken: CaseRates }[],
): Table {
  return {
    title: `${title}: CPU in µs per command (always)`,
    columns: [by, 'of', ...cpuParts.map((part) => partNames[part]), 'all', 'BullMQ needs'],
    rows: rows.flatMap(({ one, taken: { always } }) => {
      const { fencepost, bullmq } = always.cpu;
      const ratios = fencepost.flatMap((ours, i) => {
        const theirs = bullmq[i];
        return theirs === undefined ? [] : [totalCpu(theirs) / totalCpu(ours)];
      });
      const cellsOf = (uses: readonly CpuUse[]) => [
        ...cpuParts.map((part) => medianText(uses.map((use) => use[part]))),
        medianText(uses.map(totalCpu)),
      ];
      return [
        [one.name, 'Fencepost', ...cellsOf(fencepost), ratioText(ratios)],
        [one.name, 'BullMQ', ...cellsOf(bullmq), ''],
      ];
    }),
  };
}

const medianText = (values: readonly number[]) => spreadOf(values).median.toFixed(1);

const cpuSamples = (what: string, uses: readonly CpuUse[]): Samples[] =>
  cpuParts.map((part) => ({
    what: `${what}, CPU: ${part}`,
    unit: 'µs',
    values: uses.map((use) => use[part]),
  }));
