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
import { load } from '../load.js';
import { ratioText } from '../report/wording.js';
import { spreadOf } from '../statistics.js';
import { takeBacklogs } from './backlogs.js';
import { type Cost } from './cost.js';
import { takeFleets } from './fleets.js';
import { type Grown, type GrowthSettings, median, ratios } from './grown.js';

const long: GrowthSettings = {
  waiting: [1000, 100_000, 1_000_000],
  waitingWhileTablesGrow: 1_050_000,
  commands: 5000,
  agents: [1, 4, 16],
  commandsForAgents: 10_000,
};
const short: GrowthSettings = {
  waiting: [100, 300, 1000],
  waitingWhileTablesGrow: 1050,
  commands: 100,
  agents: [1, 2],
  commandsForAgents: 200,
};

export const growth: Benchmark = {
  name: 'growth',
  about: 'what a command costs, and takes in memory, while more wait, more are retained, or more agents work',
  method: [
    'Two private Redis servers: in one so many commands wait, in the other 1 thousand. They take turns (A B A B …), ' +
      'so that each ratio is of two neighbours. In a lap 5,000 commands with a payload of 50 bytes are submitted, started ' +
      'and reported by the scripts themselves, in batches of 100, one call after the other; each batch that is submitted ' +
      'is followed by the start and the report of the 100 that wait longest, so that the backlog stays as it is.',
    '*Elapsed* is the time from the first call to the last answer, per command: the target is judged by it. *In scripts* ' +
      'is what Redis counted for its scripts (`INFO commandstats`), without Node, the sockets and the disk. *Redis ' +
      'CPU* is the processor time of its main thread (`INFO cpu`), which what else the machine does hardly touches.',
    'Redis keeps its keys, and a sorted set its members, in tables whose sizes are powers of two, and moves them to one ' +
      'twice as large step by step, with each command that comes. Each backlog is filled from nothing, and none of the ' +
      'laps at 1 million comes to 1,048,576 keys (with up to 9 rounds). What the move costs has a row of its own: 1,050,000 waiting.',
    'For the last row that backlog is worked off, and 1 thousand wait again: more than a million completed commands are retained. ' +
      'In the other Redis only those are that the laps themselves leave, 30 thousand at most.',
    "Memory: how much more Redis's `used_memory`, less what its connections and its file's buffer take, is after a backlog " +
      'was filled than before, per command that was added.',
    'Agents: real ones as processes, each with concurrency 100 and its journal; so many on one Redis, and one on the ' +
      "other. A lap is start→report of 10,000 no-ops that wait when the agents are thawed; Redis's figures have their " +
      'submission in them. On a machine with few cores the agents share them.',
  ],
  targets: ['growth-cost', 'growth-memory'],

  async run(context: BenchmarkContext): Promise<BenchmarkResult> {
    const settings = context.short ? short : long;
    const { growths, bytesPerWaiting, bytesPerCompleted } = await takeBacklogs(settings, context);
    const fleets = await takeFleets(settings, context);
    const largest = growths[settings.waiting.length - 1];
    return {
      settings: {
        appendfsync: 'always',
        'commands per lap': settings.commands,
        'commands per lap of agents': settings.commandsForAgents,
        'payload, bytes': 50,
        'batch, commands': load.batch,
      },
      tables: [
        costTable(`Cost per command, µs, beside ${settings.waiting[0]} waiting`, 'backlog', growths),
        {
          title: 'Redis memory per command, bytes',
          columns: ['', 'bytes'],
          rows: [
            ...bytesPerWaiting.map((bytes, i) => [`${settings.waiting[i]} waiting`, bytes.toFixed(0)]),
            ['completed, retained', bytesPerCompleted.toFixed(0)],
          ],
        },
        costTable('Cost per command, µs, beside one agent', 'agents', fleets),
      ],
      plots: [
        plotOf('Cost per command by backlog', 'backlog', growths),
        plotOf('Cost per command by agents', 'agents', fleets),
      ],
      measured: [growthOf(largest), measuredMedian('growth-memory', bytesPerWaiting)],
      samples: [
        ...growths.flatMap(samplesOf),
        ...fleets.flatMap(samplesOf),
        { what: 'memory per waiting command, by backlog', unit: 'B', values: [...bytesPerWaiting] },
        { what: 'memory per completed command', unit: 'B', values: [bytesPerCompleted] },
      ],
    };
  },
};

/** The parts of a command's cost that are shown. */
const parts = [
  { name: 'elapsed', of: 'elapsedUs' },
  { name: 'in scripts', of: 'scriptUs' },
  { name: 'Redis CPU', of: 'redisCpuUs' },
] as const satisfies readonly { name: string; of: keyof Cost }[];

function growthOf(grown: Grown | undefined): Measured {
  const percent = (grown?.pairs ?? []).map(
    ({ ours, theirs }) => 100 * (ours.elapsedUs / theirs.elapsedUs - 1),
  );
  return measuredMedian('growth-cost', percent);
}

function costTable(title: string, by: string, growths: readonly Grown[]): Table {
  return {
    title,
    columns: [by, ...parts.flatMap(({ name }) => [name, 'beside', 'ratio'])],
    rows: growths.map(({ name, pairs }) => [
      name,
      ...parts.flatMap(({ of }) => [
        median(pairs.map(({ ours }) => ours[of])),
        median(pairs.map(({ theirs }) => theirs[of])),
        ratioText(ratios(pairs, of)),
      ]),
    ]),
  };
}

function plotOf(title: string, by: string, growths: readonly Grown[]): Plot {
  return {
    title,
    unit: 'µs per command',
    by,
    groups: growths.map(({ name }) => name),
    series: parts.flatMap(({ name, of }) => [
      { name, values: growths.map(({ pairs }) => spreadOf(pairs.map(({ ours }) => ours[of]))) },
      {
        name: `${name}, beside`,
        values: growths.map(({ pairs }) => spreadOf(pairs.map(({ theirs }) => theirs[of]))),
      },
    ]),
  };
}

function samplesOf({ name, pairs }: Grown): Samples[] {
  const unit = 'µs per command';
  return parts.flatMap(({ name: part, of }) => [
    { what: `${name}: ${part}`, unit, values: pairs.map(({ ours }) => ours[of]) },
    { what: `${name}: ${part}, beside`, unit, values: pairs.map(({ theirs }) => theirs[of]) },
  ]);
}
