import {
  type Benchmark,
  type BenchmarkContext,
  type BenchmarkResult,
  measuredMedian,
  type Table,
} from '../benchmark.js';
import { Fencepost } from '../fencepost.js';
import { cycleLap } from '../laps.js';
import { load } from '../load.js';
import { withRedis } from '../redis.js';
import { figure, ratioText } from '../report/wording.js';
import { spreadOf } from '../statistics.js';
import { inTurns, type Pair } from '../turns.js';
import { Raw } from './raw.js';
import { type RedisTime, redisTimeDuring } from './redis-time.js';

const commandsPerLap = 10_000;

interface Lap extends RedisTime {
  readonly perSecond: number;
  /** The rate that one Redis could reach if it did nothing but these commands. */
  readonly limitPerSecond: number;
}

export const limit: Benchmark = {
  name: 'limit',
  about: 'the most that one Redis could do, by its own count of time, and what raw commands from Node reach',
  method: [
    "*The limit*: while a lap runs (whole cycles: submitted in batches of 100, two in flight, worked off by one real agent with concurrency 100 and its journal), the microseconds that Redis counts for each command in `INFO commandstats` are taken before and after. Summed over all commands but the scripts around them (whose time has their commands' time in it), and divided by the commands completed, that is the time per cycle; its inverse is the limit. It leaves out what no arrangement of the commands avoids altogether: Lua, the sockets, the append-only file and its `fsync`. Heartbeats and this benchmark's question every 2 ms whether the lap is over are in it: less than 1 %.",
    '*The share*: of the same lap, commands completed per second divided by its limit.',
    '*Raw*: the same writes sent from Node by ioredis pipelines, batch by batch: a producer, and a worker process with two batches of 100 under way that reports in the same round trip in which it reads. It makes the reads without which there is nothing to execute, and none that checks; nothing is fenced, safe to send twice, or journaled. Both write as often, step by step; a test counts it.',
    '*Redis, all in all*: user and system time of its main thread (`INFO cpu`) per cycle.',
  ],
  targets: ['share-of-limit', 'beside-raw'],
  run: runLimit,
};

async function runLimit(context: BenchmarkContext): Promise<BenchmarkResult> {
  const commands = context.short ? 300 : commandsPerLap;
  const pairs = await withRedis(async (redis) => {
    const client = redis.client();
    const [fencepost, raw] = [new Fencepost(redis), new Raw(redis)];
    const cycle = cycleLap(commands);
    const lapOf = async (contestant: Fencepost | Raw): Promise<Lap> => {
      let ms = 0;
      const time = await redisTimeDuring(client, commands, async () => {
        ms = await cycle(contestant, context.signal);
      });
      return { ...time, perSecond: commands / (ms / 1000), limitPerSecond: 1e6 / time.innerUsec };
    };
    try {
      await fencepost.start();
      await raw.start();
      return await inTurns({
        rounds: context.rounds,
        signal: context.signal,
        ours: () => lapOf(fencepost),
        theirs: () => lapOf(raw),
        onPair: ({ ours, theirs }, number) =>
          context.say(
            `round ${number}: Fencepost ${figure(ours.perSecond)}/s of at most ${figure(ours.limitPerSecond)}/s, ` +
              `raw commands ${figure(theirs.perSecond)}/s`,
          ),
      });
    } finally {
      await Promise.all([fencepost.stop(), raw.stop()]);
    }
  });
  return resultOf(pairs, commands);
}

function resultOf(pairs: readonly Pair<Lap>[], commands: number): BenchmarkResult {
  const [ours, theirs] = [pairs.map((pair) => pair.ours), pairs.map((pair) => pair.theirs)];
  const shares = ours.map(({ perSecond, limitPerSecond }) => (100 * perSecond) / limitPerSecond);
  const ratios = pairs.map((pair) => pair.ours.perSecond / pair.theirs.perSecond);
  const rates = (laps: readonly Lap[]) => laps.map(({ perSecond }) => perSecond);
  const limits = ours.map(({ limitPerSecond }) => limitPerSecond);
  return {
    settings: {
      'commands per lap': commands,
      batch: load.batch,
      'batches in flight': load.batchesInFlight,
      concurrency: load.concurrency,
      appendfsync: 'always',
    },
    tables: [
      {
        title: 'Whole cycles per second',
        columns: ['', 'commands/s', 'min–max'],
        rows: [
          ['the limit: the commands alone', ...rateCells(limits)],
          ['Fencepost', ...rateCells(rates(ours))],
          ['raw commands', ...rateCells(rates(theirs))],
          ['Fencepost / raw commands', ratioText(ratios), ''],
        ],
      },
      timeTable(ours, theirs),
      commandTable(ours),
    ],
    plots: [
      {
        title: 'Whole cycles',
        unit: 'commands/s',
        by: '',
        groups: ['the limit', 'Fencepost', 'raw commands'],
        series: [
          {
            name: 'commands per second',
            values: [limits, rates(ours), rates(theirs)].map((of) => spreadOf(of)),
          },
        ],
      },
    ],
    measured: [measuredMedian('share-of-limit', shares), measuredMedian('beside-raw', ratios)],
    samples: [
      { what: 'the limit', unit: 'commands/s', values: limits },
      { what: 'Fencepost', unit: 'commands/s', values: rates(ours) },
      { what: 'raw commands', unit: 'commands/s', values: rates(theirs) },
      {
        what: 'Fencepost: in commands',
        unit: 'µs per cycle',
        values: ours.map(({ innerUsec }) => innerUsec),
      },
      {
        what: 'Fencepost: in scripts, with their commands',
        unit: 'µs per cycle',
        values: ours.map(({ scriptUsec }) => scriptUsec),
      },
      {
        what: "Fencepost: Redis's main thread",
        unit: 'µs per cycle',
        values: ours.map(({ cpuUsec }) => cpuUsec),
      },
      {
        what: "raw commands: Redis's main thread",
        unit: 'µs per cycle',
        values: theirs.map(({ cpuUsec }) => cpuUsec),
      },
    ],
  };
}

const medianOf = (laps: readonly Lap[], of: (lap: Lap) => number) => spreadOf(laps.map(of)).median;

function rateCells(perSecond: readonly number[]): [string, string] {
  const { median, min, max } = spreadOf(perSecond);
  return [figure(median), `${figure(min)}–${figure(max)}`];
}

function timeTable(ours: readonly Lap[], theirs: readonly Lap[]): Table {
  const row = (what: string, of: (lap: Lap) => number) => [
    what,
    figure(medianOf(ours, of)),
    figure(medianOf(theirs, of)),
  ];
  return {
    title: "Redis's time per cycle, in µs",
    columns: ['', 'Fencepost', 'raw commands'],
    rows: [
      row('in the commands alone', ({ innerUsec }) => innerUsec),
      row('in scripts, with the commands that they call', ({ scriptUsec }) => scriptUsec),
      row('Redis, all in all', ({ cpuUsec }) => cpuUsec),
      row('from one completion to the next', ({ perSecond }) => 1e6 / perSecond),
    ],
  };
}

/** Lists the commands of Fencepost's cycle, the most expensive first. */
function commandTable(laps: readonly Lap[]): Table {
  const names = [...new Set(laps.flatMap(({ commands }) => [...commands.keys()]))];
  const rows = names
    .map((name) => ({
      name,
      calls: medianOf(laps, ({ commands }) => commands.get(name)?.callsPerCycle ?? 0),
      usec: medianOf(laps, ({ commands }) => commands.get(name)?.usecPerCycle ?? 0),
    }))
    .filter(({ usec }) => usec >= 0.01)
    .sort((a, b) => b.usec - a.usec);
  return {
    title: "The commands of Fencepost's cycle",
    columns: ['command', 'calls per cycle', 'µs per cycle'],
    rows: rows.map(({ name, calls, usec }) => [name.toUpperCase(), calls.toFixed(2), usec.toFixed(2)]),
  };
}
