import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeReports } from './files.js';
import { readJson } from './json.js';
import { madeRun } from './made-run.js';
import { judgeRun } from './verdict.js';

let directory: string;
beforeEach(async () => (directory = await mkdtemp(join(tmpdir(), 'fencepost-chaos-'))));
afterEach(() => rm(directory, { recursive: true }));

const record = madeRun();
const verdict = judgeRun(record);

test('only reports that were asked for are written', async () => {
  await writeReports({}, record, verdict);
  expect(await readdir(directory)).toEqual([]);
});

test('each form goes to its file', async () => {
  const [json, page, markdown] = ['run.json', 'run.html', 'run.md'].map((name) => join(directory, name));
  await writeReports({ json, page, markdown }, record, verdict);
  expect((await readJson(join(directory, 'run.json'))).record).toEqual(record);
  expect(await readFile(join(directory, 'run.html'), 'utf8')).toMatch(/^<!doctype html>/);
  expect(await readFile(join(directory, 'run.md'), 'utf8')).toMatch(/^# A chaos run: passed/);
});
