import { Readable } from 'node:stream';
import { readLines } from './lines.js';

async function linesOf(...parts: (Uint8Array | string)[]): Promise<string[]> {
  const read: string[] = [];
  const input = Readable.from(parts.map((part) => Buffer.from(part)));
  for await (const { number, text } of readLines(input, new AbortController().signal)) {
    read.push(`${number} ${text}`);
  }
  return read;
}

test('a byte order mark, carriage returns, empty lines and a missing last line feed do no harm', async () => {
  expect(await linesOf('\ufeffa\r\n\r\n b\n', 'c')).toEqual(['1 a', '3  b', '4 c']);
});

test('a line, and a character, may be cut between two reads', async () => {
  const [first, second] = [
    Buffer.from('{"a":"😀"}\nx').subarray(0, 8),
    Buffer.from('{"a":"😀"}\nx').subarray(8),
  ];
  expect(await linesOf(first, second)).toEqual(['1 {"a":"😀"}', '2 x']);
});

test.each([
  ['UTF-16', Buffer.from('\ufeffa\nb', 'utf16le'), 'the input is UTF-16: save it as UTF-8 (after line 0)'],
  ['Latin-1', Buffer.from('ü', 'latin1'), 'the input is not UTF-8: save it as UTF-8 (after line 0)'],
])('%s is refused, and not changed in silence', async (_, bytes, message) => {
  await expect(linesOf(bytes)).rejects.toThrow(message);
});

test('an abort ends the wait for more', async () => {
  const stopped = new AbortController();
  const lines = readLines(new Readable({ read: () => undefined }), stopped.signal);
  const next = lines.next();
  stopped.abort(new Error('enough'));
  await expect(next).rejects.toThrow('enough');
});
