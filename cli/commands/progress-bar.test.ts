import { barText, ProgressBar } from './progress-bar.js';

test.each([
  [0, 10, 'submitting ░░░░░░░░░░░░░░░░░░░░░░░░ 0 of 10'],
  [5, 10, 'submitting ████████████░░░░░░░░░░░░ 5 of 10'],
  [12, 10, 'submitting ████████████████████████ 12 of 10'],
  [4200, undefined, 'submitting 4,200'],
])('%d of %p', (done, total, text) => {
  expect(barText('submitting', done, total)).toBe(text);
});

test('is drawn on a terminal, not wider than it, and wiped at the end', () => {
  const written: string[] = [];
  const bar = new ProgressBar(
    { isTTY: true, columns: 12, write: (text) => written.push(text) },
    'submitting',
    10,
  );
  bar.update(1);
  bar.end();
  expect(written).toEqual(['\rsubmitting █\u001b[K', '\r\u001b[K']);
});

test('is drawn on a terminal that says no size, and wiped once', () => {
  const written: string[] = [];
  const bar = new ProgressBar(
    { isTTY: true, columns: 0, write: (text) => written.push(text) },
    'waiting',
    10,
  );
  bar.update(10);
  bar.end();
  bar.end();
  expect(written).toEqual([`\r${barText('waiting', 10, 10)}\u001b[K`, '\r\u001b[K']);
});

test('is not drawn elsewhere', () => {
  const written: string[] = [];
  const bar = new ProgressBar({ write: (text) => written.push(text) }, 'submitting', 10);
  bar.update(1);
  bar.end();
  expect(written).toEqual([]);
});
