import { lineOf, type OutcomeRecord, readLines } from './outcome-line.js';

/** Whatever a disk makes of the file, a record is read as it was written or not at all. */

const records: readonly OutcomeRecord[] = [
  { record: 1, spent: [], reports: [{ id: 'a', result: '{"text":"ü \\n \\u2028"}' }] },
  { record: 2, spent: [1], reports: [] },
  { record: 3, spent: [], reports: ['b', 'c'] },
];
const lines = records.map(lineOf);
const whole = Buffer.concat(lines);
const ends = lines.map((_, i) => Buffer.concat(lines.slice(0, i + 1)).length);

test('what was written is read', () => {
  expect(readLines(whole)).toEqual({ records, tornBytes: 0, damagedLines: 0 });
  expect(lines[1]?.toString()).toMatch(/^[0-9a-f]{8} 37 \{"record":2,"spent":\[1\],"reports":\[\]\}\n$/);
});

test('cut at whatever byte: the records before it are read, and the rest is counted as torn', () => {
  for (let bytes = 0; bytes <= whole.length; bytes++) {
    const complete = ends.filter((end) => end <= bytes).length;
    expect(readLines(whole.subarray(0, bytes))).toEqual({
      records: records.slice(0, complete),
      tornBytes: bytes - (ends[complete - 1] ?? 0),
      damagedLines: 0,
    });
  }
});

test('changed in whatever bit: its record is counted as damaged, and the others are read', () => {
  for (let at = 0; at < whole.length; at++) {
    for (let bit = 1; bit < 256; bit *= 2) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] as number) ^ bit;
      const line = ends.filter((end) => end <= at).length;
      // Without its line break a record is one with that behind it, or the last one is torn.
      const lost = ends.includes(at + 1) ? [line, line + 1] : [line];
      const read = readLines(changed);
      expect({ at, bit, records: read.records }).toEqual({
        at,
        bit,
        records: records.filter((_, i) => !lost.includes(i)),
      });
      expect(read.damagedLines + (read.tornBytes > 0 ? 1 : 0)).toBeGreaterThan(0);
    }
  }
});

test.each([
  ['a count that is none', { ...records[0], record: -1 }],
  ['spent that is no list', { ...records[0], spent: 1 }],
  ['no reports', { record: 1, spent: [] }],
  ['no object', null],
])('%s, with a checksum that fits: counted as damaged', (_, value) => {
  expect(readLines(lineOf(value as OutcomeRecord))).toEqual({ records: [], tornBytes: 0, damagedLines: 1 });
});

test('empty lines, which end a write that failed half way, are passed over', () => {
  const bytes = Buffer.concat([Buffer.from('\n'), lines[0] as Buffer, Buffer.from('\n\n')]);
  expect(readLines(bytes)).toEqual({ records: records.slice(0, 1), tornBytes: 0, damagedLines: 0 });
});
