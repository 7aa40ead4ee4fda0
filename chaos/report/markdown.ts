import { type RunRecord } from '../record.js';
import { commandOfRound, type Story, storiesOf } from './stories.js';
import {
  type Column,
  faultTable,
  floorTable,
  loadTable,
  settingTable,
  type Table,
  zeroTable,
} from './tables.js';
import { headline } from './text.js';
import { type Verdict } from './verdict.js';

/** The report as Markdown, for a repository: `docs/explanation/chaos-run.md` is written by it. */
export function reportMarkdown(record: RunRecord, verdict: Verdict): string {
  const sections = [
    `# A chaos run: ${verdict.outcome}`,
    escaped(headline(record, verdict)),
    ...verdict.failures.map((failure) => `- ${escaped(failure)}`),
    block([record.command]),
    '## What must be 0',
    drawn(zeroTable(verdict)),
    ...storiesOf(record, verdict).map((story) => storyMarkdown(record, story)),
    '## What must be reached',
    'A run below one of these has exercised too little to show anything, and fails.',
    drawn(floorTable(verdict)),
    '## Faults',
    'Verified: seen to have happened. With work: at least one command was in flight on what was hit. Recovery: from the injection until each of those had moved on; a freeze or a cut counts for as long as it lasts.',
    drawn(faultTable(verdict)),
    '## Commands',
    drawn(loadTable(verdict)),
    '## The run',
    drawn(settingTable(record, verdict)),
  ];
  return `${sections.join('\n\n')}\n`;
}

function storyMarkdown(record: RunRecord, { round, seed, commandId, findings, history }: Story): string {
  const alone = commandOfRound(record, seed);
  return [
    `### ${escaped(commandId ?? 'No single command')}, round ${round}, seed ${seed ?? 'not known'}`,
    findings.map(({ heading, what }) => `- **${heading}**: ${escaped(what)}`).join('\n'),
    ...(alone === null ? [] : ['This round alone:', block([alone])]),
    ...(history.length === 0 ? [] : [block(history)]),
  ].join('\n\n');
}

function drawn({ columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escaped).join(' | ')} |`;
  return [
    line(columns.map((column) => column.title)),
    `|${columns.map(ruleOf).join('|')}|`,
    ...rows.map(({ cells, good, sum }) =>
      line(
        cells.map((cell, i) => (i === 0 ? `${markOf(good)}${cell}` : cell)).map(sum === true ? bold : same),
      ),
    ),
  ].join('\n');
}

const ruleOf = ({ holds }: Column) => (holds === 'figures' ? '---:' : '---');
const markOf = (good: boolean | undefined) => (good === undefined ? '' : good ? '✓ ' : '✗ ');
const bold = (cell: string) => (cell === '' ? '' : `**${cell}**`);
const same = (cell: string) => cell;

/** Escapes what would be read as the end of a cell or as HTML. Code in backticks is intended, and stays. */
function escaped(text: string): string {
  return text.replaceAll('\n', ' ').replace(/[|<]/g, (character) => (character === '|' ? '\\|' : '&lt;'));
}

/** Returns a code block with a fence that nothing in it can close. */
function block(lines: readonly string[]): string {
  const text = lines.join('\n');
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}\n${text}\n${fence}`;
}
