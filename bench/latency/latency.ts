import {
  type Benchmark,
  type BenchmarkContext,
  type BenchmarkResult,
  measuredMedian,
  type Plot,
} from '../benchmark.js';
import { BullMq } from '../bullmq.js';
import { checkFound, unlessAborted } from '../contestant.js';
import { Fencepost } from '../fencepost.js';
import { HttpService } from '../http/http-service.js';
import { load } from '../load.js';
import { withRedis } from '../redis.js';
import { ratioText } from '../report/wording.js';
import { pause } from '../../shared/runtime/service.js';
import { type TestRedis } from '../../testing/redis-server.js';
import { quantile, spreadOf } from '../statistics.js';
import { inTurns, type Pair } from '../turns.js';
import { brokerRoute, bullMqRoute, httpRoute, type Route } from './routes.js';

/** Between the end of one command and the submission of the next: time for the worker to wait again. */
const pauseMs = 5;
const perLap = 100;

/** The milliseconds of each command of a lap. */
type Latencies = readonly number[];

interface Taken {
  readonly broker: readonly Pair<Latencies>[];
  readonly http: readonly Pair<Latencies>[];
  readonly syncedWrite: Latencies;
}

export const latency: Benchmark = {
  name: 'latency',
  about: 'from submission to COMPLETED at low load, beside BullMQ and over HTTP',
  method: [
    `One command at a time, ${pauseMs} ms after the end of the one before: worker and Redis wait. A clock in the submitting process runs from the call until that process knows of the end. Redis notifies it in both systems, in the way that each offers: Fencepost's channel, BullMQ's event stream (\`QueueEvents\`). Laps of ${perLap} commands in turns (A B A B …), after one lap each to warm up; the ratio is of the medians of two neighbouring laps.`,
    'Over HTTP: `POST /commands` and then `GET /commands/:id?wait=20` on one kept connection, through a real server, beside the same BullMQ without HTTP.',
    'For scale: one `SET` that Redis syncs before it answers. A command of Fencepost waits for four synced writes in a row (submit, the delivery of its entry, start, report, the last of them beside the journal), a job of BullMQ for three (it keeps no journal).',
  ],
  targets: ['latency-broker', 'latency-http'],
  run: runLatency,
};

async function runLatency(context: BenchmarkContext): Promise<BenchmarkResult> {
  const syncedWrite = await withRedis((redis) => timeSyncedWrites(redis, context));
  const broker = await withRedis((redis) => besideBullMq(redis, context, brokerRoute));
  const http = await withRedis(async (redis) => {
    const server = await HttpService.fencepost(redis);
    try {
      return await besideBullMq(redis, context, () => Promise.resolve(httpRoute(server.url)));
    } finally {
      await server.stop();
    }
  });
  return resultOf({ broker, http, syncedWrite }, samplesPerLap(context));
}

const samplesPerLap = ({ short }: BenchmarkContext) => (short ? 5 : perLap);

async function timeSyncedWrites(redis: TestRedis, context: BenchmarkContext): Promise<Latencies> {
  const client = redis.client();
  const write: Route = {
    name: 'SET',
    execute: async () => void (await client.set('bench', 'x')),
    stop: () => Promise.resolve(),
  };
  await lapOf(write, context);
  return lapOf(write, context);
}

type OpenRoute = (redis: TestRedis, fencepost: Fencepost) => Promise<Route>;

async function besideBullMq(
  redis: TestRedis,
  context: BenchmarkContext,
  open: OpenRoute,
): Promise<Pair<Latencies>[]> {
  const [fencepost, bullmq] = [new Fencepost(redis), new BullMq(redis)];
  const routes: Route[] = [];
  try {
    await fencepost.start();
    await bullmq.start();
    const ours = await open(redis, fencepost);
    routes.push(ours);
    const theirs = await bullMqRoute(redis, bullmq);
    routes.push(theirs);
    const pairs = await inTurns({
      rounds: context.rounds,
      signal: context.signal,
      ours: () => Promise.race([lapOf(ours, context), fencepost.died()]),
      theirs: () => Promise.race([lapOf(theirs, context), bullmq.died()]),
      onPair: (pair, number) =>
        context.say(
          `round ${number}: p50 of ${ours.name} ${ms(quantile(pair.ours, 0.5))}, of ${theirs.name} ${ms(quantile(pair.theirs, 0.5))}`,
        ),
    });
    // With the laps that warm up.
    const completed = samplesPerLap(context) * (context.rounds + 1);
    checkFound('Fencepost', { completed: await fencepost.completed() }, { completed });
    await bullmq.checkRest();
    return pairs;
  } finally {
    await Promise.all(routes.map((route) => route.stop()));
    await Promise.all([fencepost.stop(), bullmq.stop()]);
  }
}

async function lapOf(route: Route, context: BenchmarkContext): Promise<Latencies> {
  const latencies: number[] = [];
  while (latencies.length < samplesPerLap(context)) {
    await pause(pauseMs, context.signal);
    const startedAt = performance.now();
    await unlessAborted(context.signal, route.execute());
    latencies.push(performance.now() - startedAt);
  }
  return latencies;
}

const ms = (value: number) => `${value.toFixed(2)} ms`;
const quantiles = [0.5, 0.9, 0.99] as const;
const ratiosOf = (pairs: readonly Pair<Latencies>[]) =>
  pairs.map(({ ours, theirs }) => quantile(ours, 0.5) / quantile(theirs, 0.5));

function resultOf({ broker, http, syncedWrite }: Taken, commands: number): BenchmarkResult {
  const rows = [
    { name: 'Fencepost', laps: broker.map(({ ours }) => ours) },
    { name: 'BullMQ', laps: broker.map(({ theirs }) => theirs) },
    { name: 'Fencepost over HTTP', laps: http.map(({ ours }) => ours) },
    { name: 'BullMQ, beside HTTP', laps: http.map(({ theirs }) => theirs) },
    { name: 'one synced write', laps: [syncedWrite] },
  ];
  const ratios = { broker: ratiosOf(broker), http: ratiosOf(http) };
  return {
    settings: { 'commands per lap': commands, payload: JSON.stringify(load.payload), appendfsync: 'always' },
    tables: [
      {
        title: 'Latency of all commands of all laps',
        columns: ['', ...quantiles.map((q) => `p${q * 100}`), 'commands'],
        rows: rows.map(({ name, laps }) => [
          name,
          ...quantiles.map((q) => ms(quantile(laps.flat(), q))),
          String(laps.flat().length),
        ]),
      },
      {
        title: 'Ratios of the p50 of neighbouring laps',
        columns: ['', 'ratio'],
        rows: [
          ['Fencepost / BullMQ', ratioText(ratios.broker)],
          ['Fencepost over HTTP / BullMQ', ratioText(ratios.http)],
        ],
      },
    ],
    plots: [plotOf(rows)],
    measured: [measuredMedian('latency-broker', ratios.broker), measuredMedian('latency-http', ratios.http)],
    samples: rows.flatMap(({ name, laps }) =>
      laps.map((lap, i) => ({ what: `${name}, lap ${i + 1}`, unit: 'ms', values: [...lap] })),
    ),
  };
}

/** @param rows a bar is the median of the laps' quantiles, its line reaches from the least of them to the greatest */
function plotOf(rows: readonly { readonly name: string; readonly laps: readonly Latencies[] }[]): Plot {
  return {
    title: 'From submission to COMPLETED',
    unit: 'ms',
    by: '',
    groups: quantiles.map((q) => `p${q * 100}`),
    series: rows.map(({ name, laps }) => ({
      name,
      values: quantiles.map((q) => spreadOf(laps.map((lap) => quantile(lap, q)))),
    })),
  };
}
