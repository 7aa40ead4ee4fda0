import { type RunRecord } from '../record.js';
import { commandOfRound, type Story, storiesOf } from './stories.js';
import { faultTable, floorTable, loadTable, settingTable, type Table, zeroTable } from './tables.js';
import { counted, span, times } from './units.js';
import { type Verdict } from './verdict.js';

/** All of them are in the JSON file and on the page. */
const shownStories = 5;
const shownEvidenceChars = 1000;

/** The report for a terminal; on failure, what went wrong comes last, where one looks first. */
export function reportText(record: RunRecord, verdict: Verdict): string {
  return [
    '',
    ...drawn(settingTable(record, verdict)),
    '',
    ...drawn(loadTable(verdict)),
    '',
    ...drawn(faultTable(verdict)),
    '',
    ...drawn(floorTable(verdict)),
    '',
    ...drawn(zeroTable(verdict)),
    '',
    ...storiesText(record, storiesOf(record, verdict)),
    ...conclusion(record, verdict),
    '',
  ].join('\n');
}

/** The verdict in one sentence, for every form of the report. */
export function headline(record: RunRecord, { outcome, figures, failures }: Verdict): string {
  const { withWork, accepted, durationMs } = figures;
  const trial =
    record.mutant === null ? '' : ` (a test of the history checker, with the mutant "${record.mutant}")`;
  const seen = `${counted(withWork, 'verified fault')} with work in flight, ${counted(accepted, 'command')}, ${span(durationMs)}`;
  switch (outcome) {
    case 'passed':
      return `Passed: ${seen}; nothing lost, nothing doubled, nothing stuck${trial}.`;
    case 'failed':
      return `Failed for ${counted(failures.length, 'reason')}: ${seen}${trial}.`;
    case 'inconclusive':
      return `Inconclusive for ${counted(failures.length, 'reason')}, though nothing went wrong: ${seen}${trial}.`;
  }
}

function conclusion(record: RunRecord, verdict: Verdict): string[] {
  if (verdict.passed) return [headline(record, verdict)];
  return [
    headline(record, verdict),
    ...verdict.failures.map((failure) => `  ✗ ${failure}`),
    '',
    `Seed ${record.seed}. Repeat it with`,
    `  ${record.command}`,
  ];
}

function storiesText(record: RunRecord, stories: readonly Story[]): string[] {
  const rest = stories.length - shownStories;
  return [
    ...stories.slice(0, shownStories).flatMap((story) => [...storyText(record, story), '']),
    ...(rest > 0 ? [`… and the stories of ${times(rest)} more: see the JSON file or the page`, ''] : []),
  ];
}

function storyText(record: RunRecord, { round, seed, commandId, findings, history }: Story): string[] {
  const alone = commandOfRound(record, seed);
  return [
    `${commandId ?? 'no single command'}, round ${round} (seed ${seed ?? 'not known'})`,
    ...(alone === null ? [] : [`  this round alone: ${alone}`]),
    ...findings.flatMap(({ heading, what, evidence }) => [
      `  ✗ ${heading}: ${what}`,
      // The history shows it better, where there is one.
      ...(history.length === 0 && evidence !== null
        ? [`    ${JSON.stringify(evidence).slice(0, shownEvidenceChars)}`]
        : []),
    ]),
    ...history.map((line) => `    ${line}`),
  ];
}

/** Columns as wide as their widest cell, figures to the right, a mark before what speaks for or against. */
function drawn({ columns, rows }: Table): string[] {
  const marked = rows.some((row) => row.good !== undefined);
  const cells = [columns.map((column) => column.title), ...rows.map((row) => row.cells)];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    columns
      .map(({ holds }, i) =>
        holds === 'figures' ? (row[i] ?? '').padStart(widths[i] ?? 0) : (row[i] ?? '').padEnd(widths[i] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const titled = columns.some((column) => column.title !== '');
  return [
    ...(titled ? [`${marked ? '  ' : ''}${line(columns.map((column) => column.title))}`] : []),
    ...rows.map(({ good, cells: row }) => `${marked ? markOf(good) : ''}${line(row)}`),
  ];
}

const markOf = (good: boolean | undefined) => (good === undefined ? '  ' : good ? '✓ ' : '✗ ');
