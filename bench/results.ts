import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../shared/runtime/error-code.js';
import { benchmarks } from './benchmarks.js';
import { type Notes, parseNotes } from './report/notes.js';
import { plotsSvg } from './report/plots.js';
import { type BenchmarkRecord, readRecords, writeRecord } from './report/record.js';
import { resultsPage } from './report/results-page.js';

/**
 * Puts a run into `folder`: `<name>.json`, `<name>.svg`, and `results.md` made anew of every record there is,
 * so that a benchmark that is run again changes its own part only.
 */
export async function keepResult(folder: string, record: BenchmarkRecord): Promise<void> {
  await writeRecord(folder, record);
  if (record.plots.length > 0) await writeFile(join(folder, `${record.name}.svg`), plotsSvg(record.plots));
  const records = await readRecords(folder);
  const inOrder = benchmarks.flatMap(({ name }) => records.filter((one) => one.name === name));
  await writeFile(join(folder, 'results.md'), resultsPage(inOrder, await readNotes(folder)));
}

async function readNotes(folder: string): Promise<Notes> {
  try {
    return parseNotes(await readFile(join(folder, 'notes.md'), 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return new Map();
    throw error;
  }
}
