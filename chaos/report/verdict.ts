import { type RunRecord } from '../record.js';
import { type Figures, figuresOf } from './figures.js';
import { type Floor, floorsOf } from './floors.js';
import { headings, meanings } from './headings.js';
import { counted, times } from './units.js';

/** The verdict on a run: all figures, and in plain words everything that speaks against it. */
export interface Verdict {
  readonly passed: boolean;
  /** `inconclusive`: nothing went wrong, and too little happened for that to show anything. */
  readonly outcome: Outcome;
  readonly exitCode: 0 | 1 | 2;
  /** One sentence each; empty if it passed. */
  readonly failures: readonly string[];
  readonly figures: Figures;
  readonly floors: readonly Floor[];
}

export type Outcome = 'passed' | 'failed' | 'inconclusive';

/** Contract: scripts rely on it. */
const exitCodes = { passed: 0, failed: 1, inconclusive: 2 } as const;

export function judgeRun(record: RunRecord): Verdict {
  const figures = figuresOf(record);
  const floors = floorsOf(record, figures);
  const wrong = [
    ...violations(figures),
    ...figures.troubles.map((trouble) => `trouble in ${trouble}`),
    ...unrecovered(figures),
  ];
  const missing = [...incompleteness(record), ...floors.filter((floor) => !floor.met).map(shortfall)];
  const outcome = wrong.length > 0 ? 'failed' : missing.length > 0 ? 'inconclusive' : 'passed';
  return {
    passed: outcome === 'passed',
    outcome,
    exitCode: exitCodes[outcome],
    failures: [...wrong, ...missing],
    figures,
    floors,
  };
}

function incompleteness({ rounds, options }: RunRecord): string[] {
  return [
    ...(rounds.length === 0 ? ['no round was run: the run shows nothing'] : []),
    ...(options.stopped === true
      ? ['it was stopped before its time: this is of what was seen until then']
      : []),
  ];
}

function violations({ broken }: Figures): string[] {
  return headings
    .filter((heading) => broken[heading] > 0)
    .map((heading) => `${times(broken[heading])} ${heading}, must be 0: ${meanings[heading]}`);
}

function unrecovered(figures: Figures): string[] {
  if (figures.unrecovered === 0) return [];
  return [
    `${counted(figures.unrecovered, 'fault')} had work in flight that was never seen to move on, must be 0`,
  ];
}

function shortfall({ what, reached, wanted, unit }: Floor): string {
  const sign = unit === 'percent' ? ' %' : '';
  return `${what}: ${times(reached)}${sign}, at least ${times(wanted)}${sign} wanted: the run exercised too little to show anything`;
}
