import { counted } from '../../chaos/report/units.js';
import { type Measured } from '../benchmark.js';
import { judge, targetIds, targetOf, type TargetId } from '../targets.js';
import { type Notes } from './notes.js';
import { type BenchmarkRecord } from './record.js';
import { tableMarkdown } from './table.js';
import { amount, boundText, machineText, spreadText, verdictText } from './wording.js';

/** `results.md`: each target beside what was measured, then each benchmark. Made of the records alone. */
export function resultsPage(records: readonly BenchmarkRecord[], notes: Notes): string {
  const measured = new Map(records.flatMap((record) => record.measured.map((one) => [one.target, one])));
  const sections = [
    '# Benchmarks',
    'Written by `npm run bench`: one row per target, each beside what was measured. `npm run bench -- <name>` runs one benchmark again, and only its part changes. Ratios are of neighbouring laps of one run on one machine (A B A B …); absolute figures only describe that machine.',
    ...inTenSeconds(records, measured),
    '## Targets',
    targetTable(measured),
    ...missedNotes(measured, notes),
    ...records.map(section),
  ];
  return `${sections.join('\n\n')}\n`;
}

/** The rows of the targets' table, its head first; for a terminal too. */
export function targetRows(ids: readonly TargetId[], measured: ReadonlyMap<TargetId, Measured>): string[][] {
  const row = (id: TargetId) => {
    const target = targetOf(id);
    const found = measured.get(id);
    if (!found) return [target.what, boundText(target), 'not measured', '', ''];
    return [
      target.what,
      boundText(target),
      amount(found.value, target.unit),
      `${spreadText(found)}, ${target.taken}`,
      verdictText(found),
    ];
  };
  return [['what', 'target', 'measured', 'of', 'verdict'], ...ids.map(row)];
}

/** Returns the figures that most readers want, and the load under which each was taken. */
function inTenSeconds(
  records: readonly BenchmarkRecord[],
  measured: ReadonlyMap<TargetId, Measured>,
): string[] {
  const rows = targetIds.flatMap((id) => {
    const { brief, unit } = targetOf(id);
    const found = measured.get(id);
    return brief === undefined || !found ? [] : [[brief, `**${amount(found.value, unit)}**`]];
  });
  if (rows.length === 0) return [];
  const loads = records.map(({ name, machine }) => `${name} ${machine.loadAverage.toFixed(1)}`);
  return [
    '## Fencepost beside BullMQ, in ten seconds',
    tableMarkdown(
      [['work, with everything synced before it is answered', 'as fast as BullMQ'], ...rows],
      'left',
    ),
    `Above 1 × Fencepost is faster, except for times. Load average of the machine when each was begun: ${loads.join(', ')}.`,
  ];
}

function targetTable(measured: ReadonlyMap<TargetId, Measured>): string {
  const [head = [], ...rows] = targetRows(targetIds, measured);
  const bold = rows.map((row) => row.map((cell, i) => (i === 2 || i === 4 ? emphasized(cell) : cell)));
  return tableMarkdown([head, ...bold], 'left');
}

const emphasized = (cell: string) => (cell === '' ? '' : `**${cell}**`);

function missedNotes(measured: ReadonlyMap<TargetId, Measured>, notes: Notes): string[] {
  const missed = [...measured.values()].filter(({ target, value }) => !judge(targetOf(target), value).met);
  if (missed.length === 0) return [];
  return [
    '## What bounds the targets that are missed',
    ...missed.flatMap((one) => [
      `### ${targetOf(one.target).what}`,
      `${capital(verdictText(one))}.`,
      notes.get(one.target) ?? 'It has not been looked into yet.',
    ]),
  ];
}

const capital = (sentence: string) => sentence.charAt(0).toUpperCase() + sentence.slice(1);

function section(record: BenchmarkRecord): string {
  const { name, about, method, takenAt, tookMs, rounds, short, machine, settings, plots, tables } = record;
  const day = takenAt.slice(0, 10);
  return [
    `## ${name}`,
    `${capital(about)}.`,
    ...(short ? ['**A short run: its figures mean nothing.**'] : []),
    ...method,
    [
      `Taken on ${day} in ${Math.round(tookMs / 1000)} s, ${counted(rounds, 'round')}, by \`npm run bench -- ${name}\`:`,
      ...machineText(machine).map((line) => `- ${line}`),
      `- ${Object.entries(settings)
        .map(([setting, value]) => `${setting}: ${value}`)
        .join('; ')}`,
    ].join('\n'),
    ...(plots.length === 0 ? [] : [`![${name}](${name}.svg)`]),
    ...tables.flatMap(({ title, columns, rows }) => [`**${title}**`, tableMarkdown([columns, ...rows])]),
    `Raw samples: [${name}.json](${name}.json)`,
  ].join('\n\n');
}
