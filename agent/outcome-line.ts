import { crc32 } from 'node:zlib';

/**
 * The outcome log is a file of lines, each with one record:
 *
 *     <CRC-32 of the record, 8 hex digits> <bytes of the record> <the record: JSON on one line>
 *
 * So a record that is only half there, or was changed, is recognised, and those after it are found behind the next
 * line break: JSON has none within.
 */

/** A record holds outcomes that were kept together, and lists which earlier records of this run are spent. */
export interface OutcomeRecord {
  /** Counted from 1 in each run. */
  readonly record: number;
  readonly spent: readonly number[];
  /** The outcomes as they were journalled; a disk may have changed them, so they are read like any other input. */
  readonly reports: readonly unknown[];
}

export function lineOf(record: OutcomeRecord): Buffer {
  const text = JSON.stringify(record);
  return Buffer.from(`${checksum(text)} ${Buffer.byteLength(text)} ${text}\n`);
}

export interface ReadLines {
  readonly records: readonly OutcomeRecord[];
  /** How many lines are whole and not what was written: the disk, or something else, changed them. */
  readonly damagedLines: number;
}

const lineBreak = 0x0a;

/**
 * Reads what a file holds. Never throws: a line that is no record is counted. What has no line break at its end was never
 * written whole, since its disk was full, or its process or its machine ended: it is passed over.
 */
export function readLines(bytes: Buffer): ReadLines {
  const records: OutcomeRecord[] = [];
  let damagedLines = 0;
  let from = 0;
  for (let end = bytes.indexOf(lineBreak); end >= 0; end = bytes.indexOf(lineBreak, from)) {
    const line = bytes.subarray(from, end);
    from = end + 1;
    const record = recordOf(line);
    if (record) records.push(record);
    else damagedLines++;
  }
  return { records, damagedLines };
}

function recordOf(line: Buffer): OutcomeRecord | undefined {
  const head = /^([0-9a-f]{8}) (\d{1,10}) /.exec(line.toString('latin1', 0, 20));
  if (!head) return undefined;
  const text = line.subarray(head[0].length);
  if (text.length !== Number(head[2]) || checksum(text) !== head[1]) return undefined;
  try {
    return asRecord(JSON.parse(text.toString()));
  } catch {
    return undefined;
  }
}

/** A checksum is no proof of who wrote it. */
function asRecord(value: unknown): OutcomeRecord | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { record, spent, reports } = value as Partial<Record<keyof OutcomeRecord, unknown>>;
  if (!isCount(record) || !Array.isArray(spent) || !Array.isArray(reports)) return undefined;
  return { record, spent: spent.filter(isCount), reports };
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const checksum = (data: string | Buffer) => crc32(data).toString(16).padStart(8, '0');
