import { type RoundRecord, type RunRecord } from '../record.js';
import { madeRound, madeRun, madeViolation } from './made-run.js';
import { reportText } from './text.js';
import { judgeRun } from './verdict.js';

const textOf = (changes: Partial<RoundRecord> = {}, run: Partial<RunRecord> = {}) => {
  const record = madeRun({ rounds: [madeRound(changes)], ...run });
  return reportText(record, judgeRun(record));
};

const id = '01a201a3-bdce-75de-9ca1-d40af1171d5a';

test('a run that passed ends with what it survived', () => {
  const lines = textOf().trimEnd().split('\n');
  expect(lines.at(-1)).toBe(
    'Passed: 90 verified faults with work in flight, 9,604 commands, 2:00; nothing lost, nothing doubled, nothing stuck.',
  );
  expect(lines.filter((line) => line.startsWith('✗'))).toEqual([]);
});

test('a run that failed ends with every reason, the seed, and the command that repeats it', () => {
  const text = textOf({ violations: [madeViolation()], troubles: ['server-1 ended by itself'] });
  expect(text.slice(text.indexOf('Failed')).trimEnd()).toBe(
    [
      'Failed for 2 reasons: 90 verified faults with work in flight, 9,604 commands, 2:00.',
      '  ✗ 1 doubled, must be 0: attempts executed twice, executions against the policy, commands that no client submitted',
      '  ✗ trouble in round 1: server-1 ended by itself',
      '',
      'Seed 4711. Repeat it with',
      '  npm run chaos -- --seed=4711 --duration=240s --round=120s',
    ].join('\n'),
  );
});

test('each command that a violation names is shown with its history', () => {
  const violations = [
    madeViolation(),
    madeViolation({ invariant: 3, what: 'it was COMPLETED, and was written to again' }),
  ];
  const text = textOf({
    violations,
    histories: { [id]: ['3.1 s  client  accepted', '3.4 s  ledger  attempt 1'] },
  });
  expect(text).toContain(
    [
      `${id}, round 1 (seed 4712)`,
      '  ✗ doubled: attempt 1 was executed more than once (invariant 2)',
      '  ✗ rewritten: it was COMPLETED, and was written to again (invariant 3)',
      '    3.1 s  client  accepted',
      '    3.4 s  ledger  attempt 1',
    ].join('\n'),
  );
});

test('without a history, the evidence is shown', () => {
  const text = textOf({ violations: [madeViolation({ commandId: null, evidence: { pending: 1 } })] });
  expect(text).toContain('no single command, round 1 (seed 4712)');
  expect(text).toContain('{"pending":1}');
});

test('of many stories, it shows some and says how many it leaves out', () => {
  const violations = Array.from({ length: 8 }, (_, index) => madeViolation({ commandId: `c${index}` }));
  const text = textOf({ violations });
  expect(text).toContain('c4, round 1');
  expect(text).not.toContain('c5, round 1');
  expect(text).toContain('… and the stories of 3 more');
});

test('columns stand under each other', () => {
  const lines = textOf().split('\n');
  const from = lines.findIndex((line) => line.startsWith('fault '));
  const table = lines.slice(from, lines.indexOf('', from));
  expect(table.length).toBeGreaterThan(18);
  expect(new Set(table.map((line) => line.length)).size).toBe(1);
});

test('a run in which nothing was seen is still shown', () => {
  expect(textOf({}, { rounds: [] })).toContain('✗ no round was run: the run shows nothing');
});

test('a run that tests the history checker names its mutant', () => {
  expect(textOf({}, { mutant: 'no fence in report' })).toContain('the mutant "no fence in report"');
});

test('a round of several is repeated alone, with its own seed', () => {
  const rounds = [madeRound(), madeRound({ number: 2, violations: [madeViolation()] })];
  expect(textOf({}, { rounds })).toContain(
    [
      `${id}, round 2 (seed 4713)`,
      '  this round alone: npm run chaos -- --seed=4713 --duration=120s --round=120s',
    ].join('\n'),
  );
});
