import { lineOf, type OutcomeRecord, readLines } from './outcome-line.js';

/** A record is read as it was written or not at all, even when the disk cut the file or changed it. */

const records: readonly OutcomeRecord[] = [
  { record: 1, spent: [], reports: [{ id: 'a', result: '{"text":"ü \\n \\u2028"}' }] },
  { record: 2, spent: [1], reports: [] },
  { record: 3, spent: [], reports: ['b', 'c'] },
];
const lines = records.map(lineOf);
const whole = Buffer.concat(lines);
const ends = lines.map((_, i) => Buffer.concat(lines.slice(0, i + 1)).length);

test('what was written is read', () => {
  expect(readLines(whole)).toEqual({ records, damagedLines: 0 });
  expect(lines[1]?.toString()).toMatch(/^[0-9a-f]{8} 37 \{"record":2,"spent":\[1\],"reports":\[\]\}\n$/);
});

test('cut at whatever byte: the records before it are read, and the rest is passed over', () => {
  for (let bytes = 0; bytes <= whole.length; bytes++) {
    const complete = ends.filter((end) => end <= bytes).length;
    expect(readLines(whole.subarray(0, bytes))).toEqual({
      records: records.slice(0, complete),
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
      // The last one has no line break then, as if it had not been written whole.
      expect(read.damagedLines).toBe(at === whole.length - 1 ? 0 : 1);
    }
  }
});

test.each([
  ['a count that is none', { ...records[0], record: -1 }],
  ['spent that is no list', { ...records[0], spent: 1 }],
  ['no reports', { record: 1, spent: [] }],
  ['no object', null],
])('%s, with a checksum that fits: counted as damaged', (_, value) => {
  expect(readLines(lineOf(value as OutcomeRecord))).toEqual({ records: [], damagedLines: 1 });
});
