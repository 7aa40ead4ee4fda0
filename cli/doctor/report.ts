import { type Finding } from './check.js';
import { type Diagnosis, type CheckReport } from './diagnosis.js';
import { type Paint } from '../paint.js';

const marks = { pass: '✓', fail: '✗', skip: '-' } as const;

/** A diagnosis for people: a line per check, and below it what to do. */
export function reportText({ checks }: Diagnosis, paint: Paint): string {
  const width = Math.max(...checks.map(({ name }) => name.length));
  const lines = checks.flatMap((report) => [
    headline(report, width, paint),
    ...report.findings.flatMap((finding) => findingLines(finding, paint)),
  ]);
  return [...lines, '', verdict(checks, paint), ''].join('\n');
}

function headline({ name, state, detail }: CheckReport, width: number, paint: Paint): string {
  const colour = { pass: paint.good, fail: paint.bad, skip: paint.faint }[state];
  return `${colour(marks[state])} ${name.padEnd(width)}  ${state === 'skip' ? paint.faint(detail) : detail}`;
}

function findingLines({ problem, impact, fix, commands }: Finding, paint: Paint): string[] {
  return [
    '',
    `    ${paint.bad(problem)}.`,
    `    Why it matters: ${impact}.`,
    `    Fix: ${fix}.`,
    ...commands.map((line) => `      ${paint.strong(line)}`),
    '',
  ];
}

function verdict(checks: readonly CheckReport[], paint: Paint): string {
  const count = checks.reduce((sum, { findings }) => sum + findings.length, 0);
  const skipped = checks.filter(({ state }) => state === 'skip').length;
  const rest = skipped === 0 ? '' : `; ${skipped} checks skipped`;
  if (count === 0) return paint.good(`No problem found${rest}.`);
  return paint.bad(`${count === 1 ? '1 problem found' : `${count} problems found`}${rest}.`);
}
