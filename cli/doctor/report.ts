import { type Finding } from './check.js';
import { type Examination, type Examined } from './examination.js';
import { type Paint } from '../client/paint.js';

const marks = { well: '✓', ill: '✗', skipped: '-' } as const;

/** An examination for people: a line per check, and below it what to do. */
export function reportText({ checks }: Examination, paint: Paint): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap((examined) => [
    headline(examined, width, paint),
    ...examined.findings.flatMap((finding) => findingLines(finding, paint)),
  ]);
  return [...lines, '', verdict(checks, paint), ''].join('\n');
}

function headline({ name, state, fact }: Examined, width: number, paint: Paint): string {
  const colour = { well: paint.good, ill: paint.bad, skipped: paint.faint }[state];
  return `${colour(marks[state])} ${name.padEnd(width)}  ${state === 'skipped' ? paint.faint(fact) : fact}`;
}

function findingLines({ what, why, mend, commands }: Finding, paint: Paint): string[] {
  return [
    '',
    `    ${paint.bad(what)}.`,
    `    Why it matters: ${why}.`,
    `    What to do: ${mend}.`,
    ...commands.map((line) => `      ${paint.strong(line)}`),
    '',
  ];
}

function verdict(checks: readonly Examined[], paint: Paint): string {
  const count = checks.reduce((sum, { findings }) => sum + findings.length, 0);
  const skipped = checks.filter(({ state }) => state === 'skipped').length;
  const rest = skipped === 0 ? '' : `; ${skipped} checks could not be made`;
  if (count === 0) return paint.good(`Nothing is wrong${rest}.`);
  return paint.bad(`${count === 1 ? 'One fault' : `${count} faults`}${rest}.`);
}
