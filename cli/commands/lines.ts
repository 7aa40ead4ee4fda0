import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type Readable } from 'node:stream';
import { errorCode } from '../../shared/runtime/error-code.js';
import { TextDecoding, TextUnreadableError } from '../../shared/runtime/text-file.js';
import { UsageError } from './exit-codes.js';

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** The bytes up to the end of this line: how far a file was read. */
  readonly bytes: number;
}

/** Lines that are not empty, as they come. Ends with the signal's reason when that is aborted. */
export async function* readLines(
  input: Readable,
  signal: AbortSignal,
): AsyncGenerator<Line, void, undefined> {
  const stop = () => input.destroy();
  signal.addEventListener('abort', stop, { once: true });
  let [number, bytes] = [0, 0];
  try {
    for await (const part of linesIn(input)) {
      signal.throwIfAborted();
      number += 1;
      bytes += Buffer.byteLength(part) + 1;
      const text = part.endsWith('\r') ? part.slice(0, -1) : part;
      if (text.trim() !== '') yield { number, text, bytes };
    }
    signal.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof TextUnreadableError) {
      throw new UsageError(`the input ${error.message} (after line ${number})`);
    }
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    // A terminal, or a pipe that stays open, would otherwise keep the process alive.
    input.destroy();
  }
}

/** Far more than a submission may have: input without any line feed must not fill the memory. */
const mostLineChars = 16 * 1024 * 1024;

/** Does not use `node:readline`, which silently replaces bytes that are no UTF-8. @throws TextUnreadableError */
async function* linesIn(input: Readable): AsyncGenerator<string, void, undefined> {
  const decoding = new TextDecoding();
  let rest = '';
  for await (const chunk of input) {
    const lines = (rest + decoding.decode(bytesOf(chunk))).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > mostLineChars) {
      throw new TextUnreadableError(`has a line of more than ${mostLineChars} characters`);
    }
  }
  rest += decoding.end();
  if (rest !== '') yield rest;
}

const bytesOf = (chunk: unknown) => (chunk instanceof Uint8Array ? chunk : Buffer.from(String(chunk)));

/**
 * A file to read, or standard input for `-`; and how long it is, where it is a file that can be read again.
 *
 * @throws UsageError
 */
export async function openInput(
  flag: string,
  path: string,
  stdin: Readable,
): Promise<{ input: Readable; bytes: number | undefined }> {
  if (path === '-') return { input: stdin, bytes: undefined };
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new UsageError(`${flag}: ${path} is a directory`);
    const input = createReadStream(path);
    // Opened before anything is sent: one that cannot be read is a fault of the line.
    await new Promise((opened, failed) => input.once('open', opened).once('error', failed));
    return { input, bytes: found.isFile() ? found.size : undefined };
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${flag}: ${path} cannot be read (${errorCode(error) ?? String(error)})`);
  }
}
