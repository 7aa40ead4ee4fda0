import { faultKinds, type RunRecord } from '../record.js';
import { type Figures } from './figures.js';
import { type Floor, kindsInMix } from './floors.js';
import { headings, meanings } from './headings.js';
import { span, times, wait } from './units.js';
import { type Verdict } from './verdict.js';

/** A table that the terminal, Markdown and the page each draw in their own way. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
}

export interface Column {
  readonly title: string;
  readonly holds: 'words' | 'figures';
}

export interface Row {
  readonly cells: readonly string[];
  /** Whether the row speaks for the run; left out where it speaks neither for nor against it. */
  readonly good?: boolean;
  readonly sum?: boolean;
}

const words = (title: string): Column => ({ title, holds: 'words' });
const figures = (title: string): Column => ({ title, holds: 'figures' });

/** Every figure that must be 0. */
export function zeroTable({ figures: { broken, unrecovered, troubles } }: Verdict): Table {
  const row = (name: string, count: number, meaning: string): Row => ({
    cells: [name, times(count), meaning],
    good: count === 0,
  });
  return {
    columns: [words('must be 0'), figures('found'), words('what is counted')],
    rows: [
      ...headings.map((heading) => row(heading, broken[heading], meanings[heading])),
      row('not recovered', unrecovered, 'verified faults whose work in flight never moved on'),
      row('troubles', troubles.length, 'processes that ended by themselves, errors of the harness'),
    ],
  };
}

/** Faults by kind and point, and how long it took until the work that they hit had moved on. */
export function faultTable({ figures: of }: Verdict): Table {
  const row = ({
    injected,
    verified,
    withWork,
    recovery,
  }: Pick<Figures, 'injected' | 'verified' | 'withWork' | 'recovery'>) => [
    ...[injected, verified, withWork].map(times),
    ...(recovery === null ? ['', '', ''] : [recovery.p50, recovery.p99, recovery.max].map(wait)),
  ];
  return {
    columns: [
      words('fault'),
      words('at'),
      ...['injected', 'verified', 'with work', 'recovery p50', 'p99', 'max'].map(figures),
    ],
    rows: [
      ...of.faults.map((fault, index): Row => {
        const kind = fault.kind === of.faults[index - 1]?.kind ? '' : fault.kind;
        return { cells: [kind, fault.point ?? '', ...row(fault)] };
      }),
      { cells: ['all', '', ...row(of)], sum: true },
    ],
  };
}

export function floorTable({ floors }: Verdict): Table {
  const figure = (value: number, { unit }: Floor) =>
    unit === 'percent' ? `${times(value)} %` : times(value);
  return {
    columns: [words('must be reached'), figures('at least'), figures('reached')],
    rows: floors.map((floor) => ({
      cells: [floor.what, figure(floor.wanted, floor), figure(floor.reached, floor)],
      good: floor.met,
    })),
  };
}

/** The outcomes of the commands. */
export function loadTable({ figures: of }: Verdict): Table {
  const unexplained = of.broken['unexplained unknown'];
  const codes = Object.entries(of.byErrorCode).map(([code, count]) => `${times(count)} ${code}`);
  const row = (name: string, figure: string, remark = ''): Row => ({ cells: [name, figure, remark] });
  return {
    columns: [words('commands'), figures(''), words('')],
    rows: [
      row(
        'accepted',
        times(of.accepted),
        `${times(Math.round(of.acceptedPerMinute))} a minute, ${times(of.endedPerSecond)} ended a second`,
      ),
      row('completed', times(of.completed)),
      row('failed', times(of.failed), codes.join(', ')),
      row('pruned', times(of.pruned), 'of both, deleted when their retention was over'),
      row('executed unknown', times(of.executedUnknown), unexplained === 0 ? 'each overlaps a fault' : ''),
      row('transitions', times(of.transitions), 'each of them judged'),
      row('effects', times(of.effects), 'in the ledger'),
      row('late reports', times(of.lateReports), 'refused, and kept as evidence'),
      row('progress', times(of.progress), 'stored, each while the attempt ran that reported it'),
      row(
        'stalls',
        times(of.stalls),
        'the machine was too busy for the lease: what agents gave up then is explained',
      ),
      row(
        'rest',
        of.longestRestMs === null ? '–' : wait(of.longestRestMs),
        'the longest, after the last healing',
      ),
    ],
  };
}

/** Where and with what it ran. */
export function settingTable(record: RunRecord, { figures: { durationMs } }: Verdict): Table {
  const { machine, options, rounds } = record;
  const set = Object.entries(options).map(([name, value]) => optionText(name, value));
  const row = (name: string, value: string): Row => ({ cells: [name, value] });
  return {
    columns: [words('run'), words('')],
    rows: [
      row('repeat', record.command),
      row('seed', String(record.seed)),
      row('began', record.startedAt),
      row('took', `${span(durationMs)} in ${times(rounds.length)} round${rounds.length === 1 ? '' : 's'}`),
      row('commit', record.commit ?? 'not known'),
      row('options', set.join(' · ')),
      row('machine', `${machine.cpus} × ${machine.cpu}, ${machine.memoryGb} GB, ${machine.os}`),
      row('software', `Node ${machine.node}, Redis ${machine.redis}`),
    ],
  };
}

function optionText(name: string, value: unknown): string {
  if (name !== 'mix') return `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`;
  // By its kinds alone: how often each of them came is in the table of faults.
  const kinds = kindsInMix(value);
  return `mix ${kinds.length === faultKinds.length ? `all ${kinds.length} kinds` : kinds.join(', ')}`;
}
