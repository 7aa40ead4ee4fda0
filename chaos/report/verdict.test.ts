import { faultKinds, type FaultKind, type RoundRecord, type RunRecord } from '../record.js';
import { type Heading, headings, meanings } from './headings.js';
import { madeFault, madeRound, madeRun, madeViolation } from './made-run.js';
import { judgeRun } from './verdict.js';

const runOf = (changes: Partial<RoundRecord>, options: Partial<RunRecord> = {}) =>
  madeRun({ rounds: [madeRound(changes)], ...options });

test('a run that saw enough and broke nothing passes', () => {
  const verdict = judgeRun(madeRun());
  expect(verdict.failures).toEqual([]);
  expect(verdict).toMatchObject({ passed: true, exitCode: 0 });
  expect(Object.values(verdict.figures.broken)).toEqual(headings.map(() => 0));
});

test('a run without a round is inconclusive', () => {
  const verdict = judgeRun(madeRun({ rounds: [] }));
  expect(verdict).toMatchObject({ passed: false, outcome: 'inconclusive', exitCode: 2 });
  expect(verdict.failures).toContain('no round was run: the run shows nothing');
});

test('a run that was stopped before its time is inconclusive, unless something went wrong until then', () => {
  const { failures, exitCode } = judgeRun(madeRun({ options: { ...madeRun().options, stopped: true } }));
  expect(failures).toEqual(['it was stopped before its time: this is of what was seen until then']);
  expect(exitCode).toBe(2);
  const hurt = madeRound({ violations: [madeViolation({ invariant: 2 })] });
  const options = { ...madeRun().options, stopped: true };
  expect(judgeRun(madeRun({ options, rounds: [hurt] }))).toMatchObject({ outcome: 'failed', exitCode: 1 });
});

test('a round in which nothing happened is inconclusive by every floor', () => {
  const idle = madeRound({
    faults: [],
    samples: [],
    counts: { ...madeRound().counts, accepted: 0, completed: 0, failed: 0 },
    tally: {
      zombiesRefused: 0,
      resentAbsorbed: 0,
      lateRefused: 0,
      submissionsDeduplicated: 0,
      doubledEntriesAbsorbed: 0,
    },
  });
  const { floors, failures, outcome } = judgeRun(madeRun({ rounds: [idle] }));
  expect(outcome).toBe('inconclusive');
  expect(floors.filter((floor) => floor.met)).toEqual([]);
  expect(failures).toHaveLength(floors.length);
});

describe('each violation is counted once, under one heading, and fails the run', () => {
  test.each<[Heading, Parameters<typeof madeViolation>[0]]>([
    ['lost', { invariant: 1, what: 'it was accepted, but it is gone' }],
    ['lost', { invariant: 1, what: 'in words that are yet to be written' }],
    ['stuck', { invariant: 1, what: 'it came to rest as RUNNING, which is not terminal' }],
    ['doubled', { invariant: 2 }],
    ['rewritten', { invariant: 3, what: 'it was COMPLETED, and was written to again' }],
    ['illegal transition', { invariant: 4, what: 'it moved from RUNNING to RUNNING' }],
    ['illegal transition', { invariant: 5, commandId: null, what: 'a stream has 1 pending entries at rest' }],
    ['illegal transition', { invariant: 7, what: 'a client saw its attempt go back' }],
    ['untrue', { invariant: 6, what: 'its result is not what attempt 1 was answered' }],
    ['untrue', { invariant: 8, what: 'it is said not to have been executed, but it had an effect' }],
    ['untrue', { invariant: 8, what: 'in words that are yet to be written' }],
    ['unexplained unknown', { invariant: 8, what: 'no fault explains why executed is unknown' }],
    ['unexplained unknown', { invariant: 8, what: 'no fault explains a lost attempt' }],
    ['unexplained unknown', { invariant: 8, what: 'executed was left unknown in a run without faults' }],
  ])('%s: %j', (heading, violation) => {
    const { figures, failures, exitCode } = judgeRun(runOf({ violations: [madeViolation(violation)] }));
    expect(Object.entries(figures.broken).filter(([, count]) => count > 0)).toEqual([[heading, 1]]);
    expect(figures.findings).toMatchObject([{ heading, round: 1 }]);
    expect(failures).toEqual([`1 ${heading}, must be 0: ${meanings[heading]}`]);
    expect(exitCode).toBe(1);
  });
});

test('a round that never came to rest is stuck, whatever its violations say', () => {
  const { figures, passed } = judgeRun(runOf({ restMs: null }));
  expect(figures.broken.stuck).toBe(1);
  expect(passed).toBe(false);
});

test('a trouble of the harness fails the run', () => {
  const { failures } = judgeRun(runOf({ troubles: ['server-1 ended by itself'] }));
  expect(failures).toEqual(['trouble in round 1: server-1 ended by itself']);
});

test('a fault whose work in flight was never seen to move on fails the run', () => {
  const faults = [...madeRound().faults, madeFault({ recoveredMs: null })];
  expect(judgeRun(runOf({ faults })).failures).toEqual([
    '1 fault had work in flight that was never seen to move on, must be 0',
  ]);
});

describe('progress', () => {
  const of = (progress: number, mix: RoundRecord['mix']) =>
    judgeRun(runOf({ counts: { ...madeRound().counts, progress }, mix })).failures;
  const told = { 'DELAY, fail': 10, 'batch: reports its progress, onAgentLost retry': 10 };

  test('must have been stored where commands report it', () => {
    expect(of(119, told)).toEqual([
      'progress stored: 119, at least 120 wanted: the run exercised too little to show anything',
    ]);
    expect(of(120, told)).toEqual([]);
  });

  test('is asked of no run whose agents do not know the type', () => {
    expect(of(0, { 'DELAY, fail': 10 })).toEqual([]);
  });
});

describe('each floor can fail by itself', () => {
  const { faults, tally, counts } = madeRound();
  const few = faults.slice(0, 20);
  test.each<[string, Partial<RoundRecord>]>([
    ['zombies refused: 3, at least 4 wanted', { tally: { ...tally, zombiesRefused: 3 } }],
    ['resent calls absorbed: 0, at least 4 wanted', { tally: { ...tally, resentAbsorbed: 0 } }],
    ['late requests refused: 0, at least 2 wanted', { tally: { ...tally, lateRefused: 0 } }],
    ['submissions deduplicated: 0, at least 4 wanted', { tally: { ...tally, submissionsDeduplicated: 0 } }],
    ['doubled entries absorbed: 0, at least 2 wanted', { tally: { ...tally, doubledEntriesAbsorbed: 0 } }],
    ['commands accepted per minute: 299, at least 300 wanted', { counts: { ...counts, accepted: 599 } }],
    ['verified faults with work in flight: 20, at least 24 wanted', { faults: few }],
    [
      'share of injected faults that were verified: 94.7 %, at least 95 % wanted',
      { faults: [...faults, ...Array.from({ length: 5 }, () => madeFault({ verifiedMs: null }))] },
    ],
  ])('%s', (failure, changes) => {
    expect(judgeRun(runOf(changes)).failures).toEqual([
      `${failure}: the run exercised too little to show anything`,
    ]);
  });
});

describe('where ended commands are kept for a short time only', () => {
  const { counts } = madeRound();
  const options = { ...madeRun().options, retentionMs: 10_000 };

  test('they must have been pruned', () => {
    const verdict = judgeRun(runOf({ counts: { ...counts, pruned: 165 } }, { options }));
    expect(verdict.failures).toEqual([
      'ended commands pruned: 165, at least 166 wanted: the run exercised too little to show anything',
    ]);
  });

  test('it is not asked of a round that was over too soon', () => {
    const changes = { counts: { ...counts, pruned: 0 }, durationMs: 20_500 };
    const { floors } = judgeRun(runOf(changes, { options }));
    expect(floors.map(({ what }) => what)).not.toContain('ended commands pruned');
  });
});

describe('a long run must have seen every kind of its mix', () => {
  const long = { durationMs: 600_000, counts: { ...madeRound().counts, accepted: 90_000 } };
  const faults = madeRound().faults.filter((fault) => fault.kind !== 'Redis killed');
  const floorsOf = (changes: Partial<RoundRecord>, options: RunRecord['options'] = {}) =>
    judgeRun(runOf(changes, { options }))
      .floors.filter(({ what }) => what.endsWith(', verified'))
      .map(({ what, reached, wanted }) => ({ what, reached, wanted }));

  test('the ones that it has not are named', () => {
    expect(floorsOf({ ...long, faults })).toEqual([
      { what: 'Redis killed, verified', reached: 0, wanted: 2 },
    ]);
  });

  test('a kind that is left out is not asked for', () => {
    const mix = Object.fromEntries(faultKinds.map((kind) => [kind, kind === 'Redis killed' ? 0 : 1]));
    expect(floorsOf({ ...long, faults }, { mix })).toEqual([
      { what: `each of ${faultKinds.length - 1} kinds, verified`, reached: 4, wanted: 2 },
    ]);
  });

  test('a short run need not', () => {
    expect(floorsOf({ faults })).toEqual([]);
  });
});

test.each([
  { options: { mix: ['agent killed'] } },
  { options: { mix: { 'agent killed': 3, 'agent frozen': 0 } } },
])('a kind that $options.mix leaves out has no floor', ({ options }) => {
  const names = judgeRun(madeRun({ options })).floors.map((floor) => floor.what);
  expect(names).toEqual([
    'commands accepted per minute',
    'share of injected faults that were verified',
    'verified faults with work in flight',
  ]);
});

test('containers are hurt more slowly: eight with work in flight a minute must do', () => {
  const kind = 'agent container killed';
  const hurt = (count: number) =>
    runOf({ faults: Array.from({ length: count }, () => madeFault({ kind })) }, { options: { mix: [kind] } });
  expect(judgeRun(hurt(16)).failures).toEqual([]);
  expect(judgeRun(hurt(15)).failures).toEqual([
    'verified faults with work in flight: 15, at least 16 wanted: the run exercised too little to show anything',
  ]);
});

test('a mix that cannot be read takes no floor away', () => {
  const all = judgeRun(madeRun()).floors.length;
  expect(judgeRun(madeRun({ options: { mix: 'whatever' } })).floors).toHaveLength(all);
  expect(judgeRun(madeRun({ options: {} })).floors).toHaveLength(all);
});

test('faults are counted by kind and point, and only the verified ones count for something', () => {
  const at = (point: string, changes = {}) =>
    madeFault({ kind: 'agent killed at a point', point, ...changes });
  const faults = [
    at('before-report'),
    at('after-start', { verifiedMs: null }),
    at('after-start', { inFlight: [], recoveredMs: null }),
    at('after-start', { overlapping: 2 }),
    madeFault({ kind: 'agent killed', point: null, verifiedMs: null, overlapping: 1 }),
  ];
  const { figures } = judgeRun(runOf({ faults }));
  const row = (
    kind: FaultKind,
    point: string | null,
    injected: number,
    verified: number,
    withWork: number,
  ) => ({
    kind,
    point,
    injected,
    verified,
    withWork,
  });
  expect(figures.faults).toMatchObject([
    row('agent killed', null, 1, 0, 0),
    row('agent killed at a point', 'after-start', 3, 2, 1),
    row('agent killed at a point', 'before-report', 1, 1, 1),
  ]);
  expect(figures).toMatchObject({ injected: 5, verified: 3, withWork: 2, overlapping: 1, unrecovered: 0 });
});

test('times to recover run from the injection, over verified faults with work in flight', () => {
  const took = (ms: number, changes = {}) =>
    madeFault({ injectedMs: 500, recoveredMs: 500 + ms, ...changes });
  const faults = [
    ...Array.from({ length: 99 }, (_, index) => took(index + 1)),
    took(5000, { kind: 'Redis killed' }),
    took(9000, { verifiedMs: null }),
    took(9000, { inFlight: [] }),
  ];
  const { figures } = judgeRun(runOf({ faults }));
  expect(figures.recovery).toEqual({ count: 100, p50: 50, p99: 99, max: 5000 });
  expect(figures.recoveryByKind).toEqual([
    { kind: 'agent killed', count: 99, p50: 50, p99: 99, max: 99 },
    { kind: 'Redis killed', count: 1, p50: 5000, p99: 5000, max: 5000 },
  ]);
});

test('rounds add up', () => {
  const { figures } = judgeRun(madeRun({ rounds: [madeRound(), madeRound({ number: 2, restMs: 9000 })] }));
  expect(figures).toMatchObject({
    durationMs: 240_000,
    accepted: 19_208,
    acceptedPerMinute: 4802,
    longestRestMs: 9000,
    byErrorCode: { AGENT_LOST: 382, EXECUTION_FAILED: 186 },
  });
  expect(figures.tally.zombiesRefused).toBe(62);
});
