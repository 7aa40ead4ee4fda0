import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { madeRecord } from './report/made-record.js';
import { keepResult } from './results.js';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'fencepost-results-'))));
afterEach(() => rm(folder, { recursive: true }));
const page = () => readFile(join(folder, 'results.md'), 'utf8');

test('a run is kept as its record, its plots and the page', async () => {
  await keepResult(folder, madeRecord());
  expect((await readdir(folder)).sort()).toEqual(['limit.json', 'limit.svg', 'results.md']);
  expect(JSON.parse(await readFile(join(folder, 'limit.json'), 'utf8'))).toEqual(madeRecord());
});

test('a benchmark that is run again changes its own part of the page only', async () => {
  await keepResult(folder, madeRecord());
  const other = madeRecord({
    name: 'throughput',
    measured: [{ target: 'work-100', value: 5, min: 4, max: 6, samples: [4, 6] }],
  });
  await keepResult(folder, other);
  expect(await page()).toContain('**40.0 %**');
  expect(await page()).toContain('**5.00 ×**');
  await keepResult(folder, { ...other, measured: [{ ...other.measured[0]!, value: 4.5 }] });
  expect(await page()).toContain('**40.0 %**');
  expect(await page()).toContain('**4.50 ×**');
  expect(await page()).not.toContain('**5.00 ×**');
});

test('the notes beside it are in the page', async () => {
  await writeFile(join(folder, 'notes.md'), 'About.\n\n## share-of-limit\n\nLua bounds it.\n');
  await keepResult(folder, madeRecord());
  expect(await page()).toContain('Lua bounds it.');
});
