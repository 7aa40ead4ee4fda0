import { LiveLine, type Progress, progressText } from './live.js';
import { madeFault, madeRound, madeViolation } from './made-run.js';

const progress: Progress = {
  ended: [madeRound()],
  round: 2,
  elapsedMs: 151_000,
  plannedMs: 300_000,
  sample: { atMs: 31_000, accepted: 1200, ended: 1163, open: 37 },
  faults: [
    madeFault(),
    madeFault({ verifiedMs: null, kind: 'reply lost', point: 'report', target: 'agent-1 → Redis' }),
  ],
};
const text =
  '2:31 of 5:00 · round 2 · 91 of 92 faults verified · 10,804 commands, 37 open · reply lost (report): agent-1 → Redis';

class FakeScreen {
  readonly isTTY: boolean;
  readonly columns: number;
  written = '';

  constructor(isTTY: boolean, columns = 200) {
    this.isTTY = isTTY;
    this.columns = columns;
  }

  write(more: string) {
    this.written += more;
  }
}

test('progress adds the rounds that ended to the one that runs', () => {
  expect(progressText(progress)).toBe(text);
});

test('a round that broke a promise shows at once', () => {
  const ended = [madeRound({ violations: [madeViolation()], troubles: ['agent-1 ended by itself'] })];
  expect(progressText({ ...progress, ended })).toContain('✗ 2 things broken');
});

test('before the first sample and the first fault there is little to say', () => {
  expect(progressText({ ...progress, ended: [], round: 1, sample: undefined, faults: [] })).toBe(
    '2:31 of 5:00 · round 1 · 0 of 0 faults verified · 0 commands, 0 open',
  );
});

test('on a terminal the line is rewritten in place, and gone in the end', () => {
  const screen = new FakeScreen(true);
  const line = new LiveLine(screen);
  line.show(progress);
  line.show(progress);
  line.end();
  line.end();
  expect(screen.written).toBe(`\r${text}\u001b[K`.repeat(2) + '\r\u001b[K');
});

test('on a terminal it never wraps', () => {
  const screen = new FakeScreen(true, 40);
  new LiveLine(screen).show(progress);
  expect(screen.written).toBe('\r2:31 of 5:00 · round 2 · 91 of 92 faul…\u001b[K');
});

test('elsewhere a line every 10 s stays', () => {
  const screen = new FakeScreen(false);
  let now = 0;
  const line = new LiveLine(screen, () => now);
  for (const at of [0, 500, 9_999, 10_000, 15_000]) {
    now = at;
    line.show(progress);
  }
  line.end();
  expect(screen.written).toBe(`${text}\n${text}\n`);
});

test('what is said meanwhile stays above the line', () => {
  const screen = new FakeScreen(true);
  const line = new LiveLine(screen);
  line.show(progress);
  line.say('round 1 passed');
  expect(screen.written).toBe(`\r${text}\u001b[K\r\u001b[Kround 1 passed\n`);
});
