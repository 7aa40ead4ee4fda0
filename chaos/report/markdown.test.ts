import { madeRound, madeRun, madeViolation } from './made-run.js';
import { reportMarkdown } from './markdown.js';
import { judgeRun } from './verdict.js';

const markdownOf = (record: ReturnType<typeof madeRun>) => reportMarkdown(record, judgeRun(record));

test('a run that passed says so, with the command that repeats it and every table', () => {
  const markdown = markdownOf(madeRun());
  expect(markdown).toMatch(/^# A chaos run: passed\n\nPassed: 90 verified faults with work in flight, /);
  expect(markdown).toContain('```\nnpm run chaos -- --seed=4711 --duration=240s --round=120s\n```');
  expect(markdown.match(/^## .*/gm)).toEqual([
    '## What must be 0',
    '## What must be reached',
    '## Faults',
    '## Commands',
    '## The run',
  ]);
  expect(markdown).toContain('| ✓ lost | 0 | ');
  expect(markdown).toContain('| ✓ zombies refused | 4 | 31 |');
});

test('a run that failed says why, and shows the history of each command', () => {
  const id = 'c|1';
  const markdown = markdownOf(
    madeRun({
      rounds: [
        madeRound({
          violations: [madeViolation({ commandId: id, what: 'its result is <b>|</b>' })],
          histories: { [id]: ['a line', 'with ``` in it'] },
        }),
      ],
    }),
  );
  expect(markdown).toContain('- 1 doubled, must be 0');
  expect(markdown).toContain('| ✗ doubled | 1 | ');
  expect(markdown).toContain(
    '### c\\|1, round 1, seed 4712\n\n- **doubled**: its result is &lt;b>\\|&lt;/b> (invariant 2)',
  );
  expect(markdown).toContain('````\na line\nwith ``` in it\n````');
});

test('every row of a table has as many cells as its head', () => {
  const rows = markdownOf(madeRun())
    .split('\n')
    .filter((line) => line.startsWith('|'));
  const tables: number[][] = [];
  rows.forEach((row, i) => {
    const cells = row.split(/(?<!\\)\|/).length;
    if (/^\|[-:|]+\|$/.test(rows[i + 1] ?? '')) tables.push([]);
    tables.at(-1)?.push(cells);
  });
  expect(tables).toHaveLength(5);
  for (const table of tables) expect(new Set(table).size).toBe(1);
});
