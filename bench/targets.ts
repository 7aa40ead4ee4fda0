/** The unit of a figure. Ratios are of two systems side by side; `×` means how many times as much. */
export type Unit = '×' | '%' | 's' | 'B';

export interface Target {
  readonly what: string;
  /** A few words for the table that the page leads with; left out: the target is only in the full one. */
  readonly brief?: string;
  readonly comparison: 'at least' | 'at most';
  readonly bound: number;
  readonly unit: Unit;
  /** How the one value that is compared comes from the samples: `median of the pairs' ratios`. */
  readonly taken: string;
}

const ofPairs = "median of the pairs' ratios";

/** Every target, in the order of the table. A benchmark names those that it measures. */
export const targets = {
  'submit-one': {
    what: 'submit one by one, 100 in flight, beside BullMQ `add`',
    brief: 'submit, one by one',
    comparison: 'at least',
    bound: 2.2,
    unit: '×',
    taken: ofPairs,
  },
  'submit-batch': {
    what: 'submit batches of 100, beside BullMQ `addBulk`',
    brief: 'submit, in batches of 100',
    comparison: 'at least',
    bound: 2.2,
    unit: '×',
    taken: ofPairs,
  },
  'work-500': {
    what: "start→report, concurrency 500, journal included, beside BullMQ's worker",
    brief: 'execute, 500 at once',
    comparison: 'at least',
    bound: 2.8,
    unit: '×',
    taken: ofPairs,
  },
  'work-100': {
    what: "start→report, concurrency 100, journal included, beside BullMQ's worker",
    brief: 'execute, 100 at once',
    comparison: 'at least',
    bound: 2.3,
    unit: '×',
    taken: ofPairs,
  },
  'work-10': {
    what: "start→report, concurrency 10, journal included, beside BullMQ's worker",
    brief: 'execute, 10 at once',
    comparison: 'at least',
    bound: 1.4,
    unit: '×',
    taken: ofPairs,
  },
  'work-1': {
    what: "start→report, concurrency 1, journal included, beside BullMQ's worker",
    brief: 'execute, one after the other',
    comparison: 'at least',
    bound: 1,
    unit: '×',
    taken: ofPairs,
  },
  'cycle-100': {
    what: 'the whole cycle, batches of 100, concurrency 100, beside BullMQ',
    brief: 'submit and execute, 100 at once',
    comparison: 'at least',
    bound: 2.8,
    unit: '×',
    taken: ofPairs,
  },
  'share-of-limit': {
    what: 'whole cycle: share of what one Redis could do (the limit)',
    comparison: 'at least',
    bound: 50,
    unit: '%',
    taken: "median of the rounds' shares",
  },
  'beside-raw': {
    what: 'whole cycle, beside raw pipelined commands from Node',
    comparison: 'at least',
    bound: 1.3,
    unit: '×',
    taken: ofPairs,
  },
  'http-submit': {
    what: '`POST /commands`, 100 connections: share of the bare route',
    comparison: 'at least',
    bound: 70,
    unit: '%',
    taken: ofPairs,
  },
  'http-to-completed': {
    what: 'HTTP in (batches of 500) to COMPLETED, server and one agent, beside BullMQ `addBulk` to completed',
    brief: 'over HTTP to COMPLETED, beside BullMQ without HTTP',
    comparison: 'at least',
    bound: 2.3,
    unit: '×',
    taken: ofPairs,
  },
  'latency-broker': {
    what: "latency p50, broker level, beside BullMQ's, which keeps no journal",
    brief: 'time to the outcome (less is better)',
    comparison: 'at most',
    bound: 0.9,
    unit: '×',
    taken: ofPairs,
  },
  'latency-http': {
    what: "latency p50 over HTTP with `?wait`, beside BullMQ's without HTTP",
    comparison: 'at most',
    bound: 1.5,
    unit: '×',
    taken: ofPairs,
  },
  'growth-cost': {
    what: 'cost per command at 1 million waiting: more than at 1 thousand',
    comparison: 'at most',
    bound: 10,
    unit: '%',
    taken: ofPairs,
  },
  'growth-memory': {
    what: 'Redis memory per waiting command with a 50-byte payload',
    comparison: 'at most',
    bound: 440,
    unit: 'B',
    taken: 'median of the backlogs',
  },
  'recovery-restarted': {
    what: 'recovery, agent restarted: from SIGKILL until all are settled and the next command runs',
    comparison: 'at most',
    bound: 1,
    unit: 's',
    taken: 'p99 of all kills',
  },
  'recovery-gone': {
    what: 'recovery, agent gone for good: beyond the lease',
    comparison: 'at most',
    bound: 2,
    unit: 's',
    taken: 'p99 of all kills',
  },
} as const satisfies Readonly<Record<string, Target>>;

export type TargetId = keyof typeof targets;

const ids: ReadonlySet<string> = new Set(Object.keys(targets));
export const isTargetId = (id: string): id is TargetId => ids.has(id);
export const targetIds: readonly TargetId[] = Object.keys(targets).filter(isTargetId);

/** Without this wide type each target would be its own literal. */
export const targetOf = (id: TargetId): Target => targets[id];

export type Judgement =
  | { readonly met: true }
  | {
      readonly met: false;
      /** In the target's unit, above 0. */
      readonly missedBy: number;
    };

export function judge({ comparison, bound }: Target, value: number): Judgement {
  const missedBy = comparison === 'at least' ? bound - value : value - bound;
  return missedBy <= 0 ? { met: true } : { met: false, missedBy };
}
