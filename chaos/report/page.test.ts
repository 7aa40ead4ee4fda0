import { type RunRecord } from '../record.js';
import { madeFault, madeRound, madeRun, madeViolation } from './made-run.js';
import { reportPage } from './page.js';
import { judgeRun } from './verdict.js';

const pageOf = (record: RunRecord) => reportPage(record, judgeRun(record));
const badRun = () => {
  const violation = madeViolation({ commandId: 'c', evidence: { seen: '<img src=x onerror=alert(1)>' } });
  return madeRun({
    rounds: [
      madeRound({
        violations: [violation],
        histories: { c: ['the target answered </pre><script>alert(1)</script>'] },
        faults: [...madeRound().faults, madeFault({ target: '"><script>alert(2)</script>' })],
      }),
    ],
  });
};

test('it loads nothing and runs nothing', () => {
  for (const page of [pageOf(madeRun()), pageOf(badRun())]) {
    expect(page).not.toMatch(/<script|<link|<img|@import|url\(|\son\w+="|https?:/i);
    expect(page).not.toMatch(/undefined|NaN|Infinity|\[object/);
  }
});

test('what targets answered is shown, and not obeyed', () => {
  expect(pageOf(badRun())).toContain('&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;');
});

test('words in backticks are code', () => {
  expect(pageOf(madeRun())).toContain('<code>executed: &quot;unknown&quot;</code>, lost attempts');
});

test('every element that is opened is closed', () => {
  const open: string[] = [];
  const page = pageOf(badRun());
  for (const [, closes, name = '', selfClosed] of page.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*?(\/?)>/g)) {
    if (selfClosed === '/' || name === 'meta') continue;
    if (closes === '') open.push(name);
    else expect(open.pop()).toBe(name);
  }
  expect(open).toEqual([]);
});

test('the verdict, the seed and the command that repeats the run come first', () => {
  const top = pageOf(madeRun()).split('<main>')[0];
  expect(top).toContain('Passed');
  expect(top).toContain('seed 4711');
  expect(top).toContain('npm run chaos -- --seed=4711 --duration=240s --round=120s');
});

test('a run that failed shows each reason and each story', () => {
  const page = pageOf(badRun());
  expect(page).toContain('<title>Chaos run, seed 4711: failed</title>');
  expect(page.split('<main>')[0]).toContain('1 doubled, must be 0');
  expect(page).toContain('What went wrong');
  expect(pageOf(madeRun())).not.toContain('What went wrong');
});

test('each fault is a mark on the lane of what it hit, and says what it was', () => {
  const page = pageOf(madeRun());
  const marks = page.match(
    /<path\s+class="(agents|servers|Redis|links|entries|queues)"\s+d="[^"]*"\s*>\s*<title>/g,
  );
  expect(marks).toHaveLength(90);
  expect(page).toContain('agent killed, agent-2 · exit by SIGKILL · 1 in flight · recovered in ');
});

test('a fault that was not verified is marked apart', () => {
  const faults = [madeFault({ verifiedMs: null, proof: null })];
  expect(pageOf(madeRun({ rounds: [madeRound({ faults })] }))).toMatch(
    /<path\s+class="missed"\s+d="[^"]*"\s*>\s*<title>.* · not verified · /,
  );
});

test('rounds lie end to end', () => {
  const page = pageOf(madeRun({ rounds: [madeRound(), madeRound({ number: 2 })] }));
  expect(page).toContain('<path class="seam" d="M500 0V100" />');
  expect(page.match(/<polyline class="ended"/g)).toHaveLength(2);
});

test.each([
  { name: 'without a round', record: madeRun({ rounds: [] }) },
  {
    name: 'without a fault or a sample',
    record: madeRun({ rounds: [madeRound({ faults: [], samples: [] })] }),
  },
])('a run $name has a page, too', ({ record }) => {
  const page = pageOf(record);
  expect(page).toContain('Inconclusive');
  expect(page).not.toMatch(/undefined|NaN|Infinity/);
});
