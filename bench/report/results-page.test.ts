import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../testing/redis-server.js';
import { targetIds } from '../targets.js';
import { parseNotes } from './notes.js';
import { madeRecord } from './made-record.js';
import { plotsSvg } from './plots.js';
import { resultsPage } from './results-page.js';

const missed = madeRecord();
const met = madeRecord({
  measured: [{ target: 'share-of-limit', value: 55, min: 51, max: 58, samples: [51, 58] }],
});

test('every target has a row, measured or not', () => {
  const rows = resultsPage([], new Map())
    .split('\n')
    .filter((line) => line.includes('not measured'));
  expect(rows).toHaveLength(targetIds.length);
});

test('the page leads with what most readers want to know, and says under which load it was taken', () => {
  const measured = [{ target: 'work-100' as const, value: 2.5, min: 2, max: 3, samples: [2, 3] }];
  const page = resultsPage([madeRecord({ measured })], new Map());
  const [, begin = ''] = page.split('## ');
  expect(begin).toContain('| execute, 100 at once | **2.50 ×** |');
  expect(begin).toMatch(/Load average of the machine when each was begun: \S+ \d/);
});

test('a row says what was measured, and that the target is met', () => {
  expect(resultsPage([met], new Map())).toContain(
    '| whole cycle: share of what one Redis could do (the limit) | ≥ 50 % | **55.0 %** | ' +
      "51.0–58.0 %, 2 samples, median of the rounds' shares | **met** |",
  );
});

test('a missed target says by how much, and what bounds it, in the words of the notes', () => {
  const page = resultsPage([missed], parseNotes('For people.\n\n## share-of-limit\n\nLua bounds it.\n'));
  expect(page).toContain('**missed by 10.0 % (20 % of the bound)**');
  expect(page).toContain(
    '### whole cycle: share of what one Redis could do (the limit)\n\nMissed by 10.0 % (20 % of the bound).\n\nLua bounds it.',
  );
});

test('a missed target without a note says so', () => {
  expect(resultsPage([missed], new Map())).toContain('It has not been looked into yet.');
});

test('the note of a target that is met is not shown', () => {
  const page = resultsPage([met], parseNotes('## share-of-limit\nLua bounds it.\n'));
  expect(page).not.toContain('Lua bounds it.');
});

test('a note under a heading that is no target is refused', () => {
  expect(() => parseNotes('## share-of-limits\nLua bounds it.\n')).toThrow(
    'notes.md: no target is called "share-of-limits"',
  );
});

test('the notes that are kept here name targets only', () => {
  const notes = readFileSync(join(repositoryRoot, 'bench', 'results', 'notes.md'), 'utf8');
  expect(() => parseNotes(notes)).not.toThrow();
});

test('a short run is marked, so that its figures are not taken for results', () => {
  expect(resultsPage([madeRecord({ short: true })], new Map())).toContain('its figures mean nothing');
});

test('a plot escapes its texts, and leaves out what was not measured', () => {
  const svg = plotsSvg(missed.plots);
  expect(svg).toContain('A &lt;plot&gt;');
  // The background, one in the legend, one bar.
  expect(svg.match(/<rect/g)).toHaveLength(3);
});
