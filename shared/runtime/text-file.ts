import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { errorCode } from './error-code.js';

/** A file is not text that a program could read. The message names the fault, and shows nothing of the contents. */
export class TextUnreadableError extends Error {
  override readonly name = 'TextUnreadableError';
  /** The system's error code when the file could not be opened or read: `ENOENT`. */
  readonly code: string | undefined;

  constructor(
    message: string,
    options: { readonly code?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = options.code;
  }
}

const saveIt = 'save it as UTF-8';
const notUtf8 = `is not UTF-8: ${saveIt}`;

/**
 * Bytes as the text that they are in UTF-8, without a byte order mark in front. Windows writes such marks, and
 * UTF-16 from a shell's `>`: read as they come, a first line would be lost in silence, or all of them.
 *
 * @throws TextUnreadableError for UTF-16, for NUL bytes, and for what is no UTF-8
 */
export function decodeText(bytes: Uint8Array): string {
  const decoder = new TextDecoding();
  return decoder.decode(bytes) + decoder.end();
}

/** The same for text that comes in parts. */
export class TextDecoding {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #isFirst = true;

  /** @throws TextUnreadableError */
  decode(bytes: Uint8Array): string {
    if (this.#isFirst && isUtf16(bytes)) throw new TextUnreadableError(`is UTF-16: ${saveIt}`);
    if (bytes.length > 0) this.#isFirst = false;
    if (bytes.includes(0)) {
      throw new TextUnreadableError(`holds NUL bytes, as no text does but UTF-16: ${saveIt}`);
    }
    return this.#utf8(bytes, true);
  }

  /** Returns what was left of the last part. @throws TextUnreadableError */
  end(): string {
    return this.#utf8(new Uint8Array(), false);
  }

  #utf8(bytes: Uint8Array, stream: boolean): string {
    try {
      return this.#decoder.decode(bytes, { stream });
    } catch (cause) {
      throw new TextUnreadableError(notUtf8, { cause });
    }
  }
}

const isUtf16 = ([first, second]: Uint8Array) =>
  (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);

export interface TextFile {
  readonly text: string;
  /** Whether every user of this machine may read it. */
  readonly isForAll: boolean;
}

const usualMostBytes = 1024 * 1024;

/**
 * Reads a text file, or a pipe, to its end.
 *
 * @throws TextUnreadableError, with the code of the system when it cannot be opened or read
 */
export function readTextFile(path: string, mostBytes = usualMostBytes): TextFile {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw unreadable(error);
  }
  try {
    const stat = fstatSync(fd);
    const bytes = readBytes(fd, mostBytes);
    return { text: decodeText(bytes), isForAll: stat.isFile() && (stat.mode & 0o004) !== 0 };
  } catch (error) {
    throw error instanceof TextUnreadableError ? error : unreadable(error);
  } finally {
    closeSync(fd);
  }
}

/** Bounded: a device has no end. */
function readBytes(fd: number, mostBytes: number): Uint8Array {
  const parts: Buffer[] = [];
  let size = 0;
  for (;;) {
    const part = Buffer.alloc(64 * 1024);
    const read = readSync(fd, part);
    if (read === 0) return Buffer.concat(parts);
    size += read;
    if (size > mostBytes) throw new TextUnreadableError(`is longer than ${mostBytes} bytes`);
    parts.push(part.subarray(0, read));
  }
}

function unreadable(error: unknown): TextUnreadableError {
  const code = errorCode(error);
  return new TextUnreadableError(`cannot be read (${code ?? String(error)})`, { code, cause: error });
}
