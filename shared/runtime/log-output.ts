import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { type DestinationStream } from 'pino';
import { errorCode } from './error-code.js';

/** The lines that a log lacks: how many, and the code of the error that the last of them failed with. */
export interface LostLines {
  readonly lines: number;
  readonly reason: string;
}

/** Writes bytes, and returns how many it has written. Throws as `writeSync` does. */
export type WriteBytes = (bytes: Uint8Array) => number;

export interface LogOutputOptions {
  /** How long a reader that does not keep up may hold this process, in ms; 5 s when left out. */
  readonly patienceMs?: number;
}

/** Longer pauses of a reader are usual on a busy machine; twice as long, and agents begin to lose leases. */
const usualPatienceMs = 5000;
const pauseMs = 5;

/**
 * Where the lines of a log go: to a file descriptor, synchronously, so that the last words of a process
 * that dies are not lost.
 *
 * A log must not end or stop what it is about. A line that cannot be written (a full disk, a reader that
 * is gone, one that does not read) is dropped and counted, and as soon as a line can be written again
 * `onRecovered` is called, once. A line that was cut half-way is ended, so that the next one stands alone.
 */
export class LogOutput implements DestinationStream {
  /** Lines that were dropped since this process started. */
  droppedLines = 0;
  /** Called after the first line that was written again. It may write. */
  onRecovered: (lost: LostLines) => void = () => undefined;
  readonly #target: number | WriteBytes;
  readonly #patienceMs: number;
  #write: WriteBytes | undefined;
  #lost: LostLines | undefined;
  #isCut = false;

  /** @param target a file descriptor, or what writes in its place */
  constructor(target: number | WriteBytes, { patienceMs = usualPatienceMs }: LogOutputOptions = {}) {
    this.#target = target;
    this.#patienceMs = patienceMs;
  }

  /** Never throws. */
  write(text: string): void {
    const error = this.#writeAll(Buffer.from(this.#isCut ? `\n${text}` : text));
    if (error !== undefined) return this.#drop(text, error);
    this.#isCut = false;
    const lost = this.#lost;
    this.#lost = undefined;
    if (lost) this.onRecovered(lost);
  }

  #drop(text: string, error: unknown): void {
    const lines = Math.max(1, text.trimEnd().split('\n').length);
    this.droppedLines += lines;
    const reason = errorCode(error) ?? String(error);
    this.#lost = { lines: (this.#lost?.lines ?? 0) + lines, reason };
  }

  /** @returns what it failed with */
  #writeAll(bytes: Uint8Array): unknown {
    // A reader that has not kept up once is not waited for again, until it does.
    const until = this.#lost ? 0 : performance.now() + this.#patienceMs;
    let written = 0;
    while (written < bytes.length) {
      try {
        this.#write ??= typeof this.#target === 'number' ? writerOf(this.#target) : this.#target;
        written += this.#write(bytes.subarray(written));
      } catch (error) {
        const code = errorCode(error);
        if (code === 'EINTR') continue;
        if (code === 'EAGAIN' && performance.now() < until) {
          sleep(pauseMs);
          continue;
        }
        // All but its line feed counts as cut as well: what follows must not stand behind it.
        this.#isCut ||= written > 0;
        return error;
      }
    }
    return undefined;
  }
}

/**
 * A pipe whose reader has stopped reading would hold this process for ever, its leases included. It is
 * opened again for itself alone, not to block: other processes share the descriptor that was inherited.
 * Only Linux does this, and only with pipes; of anything else a write does not depend on a reader.
 */
function writerOf(fd: number): WriteBytes {
  const own = reopened(fd) ?? fd;
  return (bytes) => writeSync(own, bytes);
}

function reopened(fd: number): number | undefined {
  try {
    if (process.platform !== 'linux' || !fstatSync(fd).isFIFO()) return undefined;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/** Blocks this thread, as a write to a pipe that is full would. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** The log of this process, on standard output. */
export const standardLog = new LogOutput(1);
/** For what the user of a program must know, on standard error. */
export const standardError = new LogOutput(2);

/**
 * Keeps this process alive when standard output or standard error cannot be written: without a listener
 * an error there ends the process, even when one of the user's handlers wrote.
 *
 * @param onClosed called once, when standard output has no reader any more
 */
export function outliveOutput(onClosed: () => void = () => undefined): void {
  process.stderr.on('error', () => undefined);
  let isClosed = false;
  process.stdout.on('error', () => {
    if (!isClosed) onClosed();
    isClosed = true;
  });
}
