import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type JournalledReport, readRecord, readReports } from './journal-records.js';
import { readLines } from './outcome-line.js';

/** Holds what earlier runs left in the outcome log. */
export interface EarlierOutcomes {
  /** An outcome that a killed takeover left twice is in here once. */
  readonly reports: readonly JournalledReport[];
  /** These cannot be reported, since they are no outcomes: each as JSON, or as the text that was found. */
  readonly unreadable: readonly { readonly text: string; readonly why: string }[];
  /** These files hold nothing else, and may be deleted once the outcomes are kept elsewhere. */
  readonly files: readonly string[];
  /** These files have lines that cannot be read, and are kept for an operator. */
  readonly damagedFiles: readonly string[];
  /** The greatest number of a run among the files; 0 when there are none. */
  readonly lastRun: number;
  readonly warnings: readonly string[];
}

const segmentName = /^(\d{1,15})-\d+\.log$/;

/**
 * Reads what earlier runs left, and changes nothing.
 *
 * @param texts records of an earlier version, which kept them elsewhere
 */
export function readEarlier(directory: string, texts: readonly string[]): EarlierOutcomes {
  const names = readdirSync(directory).filter((name) => segmentName.test(name));
  const read = names.map((name) => ({
    name,
    run: runOf(name),
    ...readLines(readFileSync(join(directory, name))),
  }));
  const spent = new Set(
    read.flatMap(({ run, records }) =>
      records.flatMap((one) => one.spent.map((record) => `${run} ${record}`)),
    ),
  );
  const left = read
    .flatMap(({ run, records }) => records.map((one) => ({ run, ...one })))
    .filter(({ run, record }) => !spent.has(`${run} ${record}`))
    .sort((a, b) => a.run - b.run || a.record - b.record);
  const found = [...texts.map(readRecord), ...left.map(({ reports }) => readReports(reports))];
  const damaged = read.filter(({ damagedLines }) => damagedLines > 0);
  return {
    reports: withoutDoubles(found.flatMap(({ reports }) => reports)),
    unreadable: found.flatMap(({ unreadable }) => unreadable),
    files: names.filter((name) => !damaged.some((one) => one.name === name)),
    damagedFiles: damaged.map(({ name }) => name),
    lastRun: read.reduce((last, { run }) => Math.max(last, run), 0),
    warnings: damaged.map(
      ({ name, damagedLines }) =>
        `${damagedLines} line${damagedLines === 1 ? '' : 's'} of the outcomes in ${join(directory, name)} cannot be read: that file is kept as ${name}.damaged, and what could be read of it is reported. Outcomes that cannot be read end by the lost-agent policy`,
    ),
  };
}

const runOf = (name: string) => Number(segmentName.exec(name)?.[1]);

/** A run that was killed while it took over what others had left has left it twice. */
function withoutDoubles(reports: readonly JournalledReport[]): JournalledReport[] {
  const byAttempt = new Map(
    reports.map((report) => [JSON.stringify([report.id, report.attempt, report.session]), report]),
  );
  return [...byAttempt.values()];
}

/** Most outcomes in one record, and most characters of their results. */
const mostPerRecord = 200;
const mostCharacters = 1024 * 1024;

/** The reports in the parts that make a record each. */
export function inParts(reports: readonly JournalledReport[]): JournalledReport[][] {
  const parts: JournalledReport[][] = [];
  let characters = Infinity;
  for (const report of reports) {
    const own = report.outcome.result?.length ?? 0;
    const last = parts.at(-1);
    if (last && last.length < mostPerRecord && characters + own <= mostCharacters) {
      last.push(report);
      characters += own;
    } else {
      parts.push([report]);
      characters = own;
    }
  }
  return parts;
}
