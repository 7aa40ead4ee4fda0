import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { type Readable } from 'node:stream';
import { errorCode } from '../../shared/runtime/error-code.js';
import { UsageError } from './exit-codes.js';

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
  /** Up to here: of a file, how far it was read. */
  readonly bytes: number;
}

/** Lines that are not empty, as they come. Ends with the signal's reason when that is aborted. */
export async function* readLines(
  input: Readable,
  signal: AbortSignal,
): AsyncGenerator<Line, void, undefined> {
  const lines = createInterface({ input, crlfDelay: Infinity });
  const stop = () => lines.close();
  signal.addEventListener('abort', stop, { once: true });
  let [number, bytes] = [0, 0];
  try {
    for await (const text of lines) {
      signal.throwIfAborted();
      number += 1;
      bytes += Buffer.byteLength(text) + 1;
      if (text.trim() !== '') yield { number, text, bytes };
    }
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener('abort', stop);
    lines.close();
    // Else a terminal, or a pipe that stays open, would keep the process.
    input.destroy();
  }
}

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
