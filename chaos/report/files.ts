import { writeFile } from 'node:fs/promises';
import { type RunRecord } from '../record.js';
import { writeJson } from './json.js';
import { reportMarkdown } from './markdown.js';
import { reportPage } from './page.js';
import { type Verdict } from './verdict.js';

/** The files to which the requested forms of the report are written. */
export interface ReportFiles {
  readonly json?: string | undefined;
  readonly page?: string | undefined;
  readonly markdown?: string | undefined;
}

/** Writes them, the whole record first: from it the others can be made again. */
export async function writeReports(
  { json, page, markdown }: ReportFiles,
  record: RunRecord,
  verdict: Verdict,
): Promise<void> {
  if (json !== undefined) await writeJson(json, record, verdict);
  if (page !== undefined) await writeFile(page, reportPage(record, verdict));
  if (markdown !== undefined) await writeFile(markdown, reportMarkdown(record, verdict));
}
