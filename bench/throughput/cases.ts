import { cycleLap, type Lap, submissionLap, workLap } from '../laps.js';
import { load } from '../load.js';
import { type TargetId } from '../targets.js';

/** Something whose speed is compared: one row of a table, one group of bars. */
export interface Case {
  /** The name of the row: how many at once. */
  readonly name: string;
  readonly commands: number;
  /** The concurrency of both workers; undefined when none runs. */
  readonly concurrency: number | undefined;
  readonly lap: () => Lap;
  /** Whether submitting is a part of what is timed. */
  readonly submits: boolean;
  /** The target that its ratio measures, with `appendfsync always`. */
  readonly target?: TargetId;
}

export interface Chapter {
  readonly title: string;
  /** The quantity that its rows differ by. */
  readonly by: string;
  readonly cases: readonly Case[];
}

/** A slow disk makes the first of these hundreds of times slower than the last: a lap of each takes about a second. */
const oneByOne = [
  { inFlight: 1, commands: 500 },
  { inFlight: 10, commands: 2000 },
  { inFlight: 100, commands: 5000 },
  { inFlight: 500, commands: 10_000 },
] as const;

const worked = [
  { concurrency: 1, commands: 500 },
  { concurrency: 10, commands: 2000 },
  { concurrency: 100, commands: 10_000 },
  { concurrency: 500, commands: 10_000 },
] as const;

/** @param short one row of each, and those that a target needs, of so few commands that each takes a moment */
export function chapters(short: boolean): readonly Chapter[] {
  const all = allChapters(short);
  if (!short) return all;
  return all.map(({ cases, ...chapter }) => ({
    ...chapter,
    cases: cases.filter(({ target }) => target !== undefined || cases.length === 1),
  }));
}

function allChapters(short: boolean): readonly Chapter[] {
  const few = (commands: number) => (short ? Math.max(10, commands / 50) : commands);
  return [
    {
      title: 'Submit one by one',
      by: 'in flight',
      cases: oneByOne.map(({ inFlight, commands }) => ({
        name: String(inFlight),
        commands: few(commands),
        concurrency: undefined,
        submits: true,
        lap: () => submissionLap({ commands: few(commands), batch: 1, inFlight }),
        ...(inFlight === 100 ? { target: 'submit-one' } : {}),
      })),
    },
    {
      title: `Submit in batches, ${load.batchesInFlight} in flight`,
      by: 'commands per batch',
      cases: [10, load.batch, 1000].map((batch) => ({
        name: String(batch),
        commands: few(20_000),
        concurrency: undefined,
        submits: true,
        lap: () => submissionLap({ commands: few(20_000), batch, inFlight: load.batchesInFlight }),
        ...(batch === load.batch ? { target: 'submit-batch' } : {}),
      })),
    },
    {
      title: 'Start→report',
      by: 'concurrency',
      cases: worked.map(({ concurrency, commands }) => ({
        name: String(concurrency),
        commands: few(commands),
        concurrency,
        submits: false,
        lap: () => workLap(few(commands)),
        target: `work-${concurrency}`,
      })),
    },
    {
      title: `The whole cycle, submitted in batches of ${load.batch}`,
      by: 'concurrency',
      cases: [
        {
          name: String(load.concurrency),
          commands: few(10_000),
          concurrency: load.concurrency,
          submits: true,
          lap: () => cycleLap(few(10_000)),
          target: 'cycle-100',
        },
      ],
    },
  ];
}
