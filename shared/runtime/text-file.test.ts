import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeText, readTextFile, TextDecoding } from './text-file.js';

const bytes = (...values: number[]) => Uint8Array.from(values);

test.each([
  ['a byte order mark in front', Buffer.from('\ufeffPORT=1'), 'PORT=1'],
  ['nothing at all', bytes(), ''],
  ['a mark alone', bytes(0xef, 0xbb, 0xbf), ''],
  ['characters of four bytes', Buffer.from('a😀'), 'a😀'],
])('%s', (_, given, text) => {
  expect(decodeText(given)).toBe(text);
});

test.each([
  ['UTF-16 with its mark', Buffer.from('\ufeffPORT=1', 'utf16le'), 'is UTF-16: save it as UTF-8'],
  ['the other UTF-16', bytes(0xfe, 0xff, 0, 0x41), 'is UTF-16: save it as UTF-8'],
  ['UTF-16 without it', Buffer.from('PORT=1', 'utf16le'), 'holds NUL bytes'],
  ['Latin-1', Buffer.from('für', 'latin1'), 'is not UTF-8: save it as UTF-8'],
  ['half a character at the end', Buffer.from('😀').subarray(0, 2), 'is not UTF-8'],
])('%s is refused', (_, given, message) => {
  expect(() => decodeText(given)).toThrow(message);
});

test('a character may be cut between two parts', () => {
  const whole = Buffer.from('\ufeffa😀b');
  for (let at = 0; at <= whole.length; at++) {
    const decoding = new TextDecoding();
    const parts = [whole.subarray(0, at), whole.subarray(at)];
    expect(parts.map((part) => decoding.decode(part)).join('') + decoding.end()).toBe('a😀b');
  }
});

describe('a file', () => {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'fencepost-text-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  test('shows whether every user may read it', () => {
    const path = join(folder, 'secret');
    writeFileSync(path, 'x\n');
    chmodSync(path, 0o600);
    expect(readTextFile(path)).toEqual({ text: 'x\n', isForAll: false });
    chmodSync(path, 0o644);
    expect(readTextFile(path)).toEqual({ text: 'x\n', isForAll: true });
  });

  test('that is not there, is a directory, or has no end', () => {
    expect(() => readTextFile(join(folder, 'none'))).toThrow('cannot be read (ENOENT)');
    expect(() => readTextFile(folder)).toThrow('cannot be read (EISDIR)');
    expect(() => readTextFile('/dev/zero', 100_000)).toThrow('is longer than 100000 bytes');
  });
});
