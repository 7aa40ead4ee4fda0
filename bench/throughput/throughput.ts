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
import { type Contestant } from '../contestant.js';
import { Fencepost } from '../fencepost.js';
import { load } from '../load.js';
import { type Fsync, withRedis } from '../redis.js';
import { figure, ratioText } from '../report/wording.js';
import { spreadOf } from '../statistics.js';
import { inTurns } from '../turns.js';
import { type Case, type Chapter, chapters } from './cases.js';

/** Commands per second, a value per counted lap, and the pairs' ratios. */
interface Rates {
  readonly fencepost: readonly number[];
  readonly bullmq: readonly number[];
  readonly ratios: readonly number[];
}

/** One case under both settings. */
type CaseRates = Readonly<Record<Fsync, Rates>>;

const labels: Readonly<Record<Fsync, string>> = { always: 'always', everysec: 'everysec, not safe' };

export const throughput: Benchmark = {
  name: 'throughput',
  about: 'submission and start→report beside BullMQ, without an HTTP layer on either side',
  method: [
    'Both systems use one Redis over its unix socket, on a fresh data set per row, and take turns (A B A B …) after one lap each to warm up. A lap is over when Redis says so: its counter of completed commands is read every 2 ms, in the same way for both. After every lap both must be at rest: everything completed, nothing pending, nothing failed.',
    "*Submit*: from the first call until the last answer, nobody working. Fencepost's commands go through the server's own `Submitter`, BullMQ's through `add` or `addBulk`, each over one connection.",
    "*Start→report*: the worker process is frozen (SIGSTOP) while the backlog is submitted; the clock starts when it is thawed and stops at the last completion. Fencepost's agent is the real one, with its journal, its lease and its registration; BullMQ's worker is a process with the same concurrency. Both keep what is completed.",
    '*The whole cycle*: submitted in batches and worked off at the same time.',
    '`everysec` loses what was acknowledged within the last second when Redis or the machine dies: it is shown for comparison, and no target is judged by it.',
  ],
  targets: ['submit-one', 'submit-batch', 'work-100', 'work-1'],
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
    tables: parts.map(({ table }) => table),
    plots: parts.map(({ plot }) => plot),
    measured: parts.flatMap(({ measured }) => measured),
    samples: parts.flatMap(({ samples }) => samples),
  };
}

async function takeCase({ title, by }: Chapter, one: Case, context: BenchmarkContext): Promise<CaseRates> {
  const take = async (fsync: Fsync) => {
    const rates = await withRedis(
      (redis) =>
        compare(new Fencepost(redis, one.concurrency), new BullMq(redis, one.concurrency), one, context),
      fsync,
    );
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
  fencepost: Contestant,
  bullmq: Contestant,
  { commands, concurrency, lap }: Case,
  { rounds, signal }: BenchmarkContext,
): Promise<Rates> {
  // Each has its own: a lap knows what its contestant was left with.
  const [oursLap, theirsLap] = [lap(), lap()];
  try {
    if (concurrency !== undefined) {
      // One after the other: a start that fails must not leave the other half done.
      await fencepost.start();
      await bullmq.start();
    }
    const pairs = await inTurns({
      rounds,
      signal,
      ours: () => oursLap(fencepost, signal),
      theirs: () => theirsLap(bullmq, signal),
    });
    const rate = (ms: number) => commands / (ms / 1000);
    return {
      fencepost: pairs.map(({ ours }) => rate(ours)),
      bullmq: pairs.map(({ theirs }) => rate(theirs)),
      ratios: pairs.map(({ ours, theirs }) => theirs / ours),
    };
  } finally {
    await Promise.all([fencepost.stop(), bullmq.stop()]);
  }
}

/** What a chapter adds to the result. */
interface Part {
  readonly table: Table;
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
