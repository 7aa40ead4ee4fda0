import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commandAt, NotResp } from './resp.js';

/**
 * Redis's append-only directory as a log: every write that Redis ever made, in order, and nothing
 * that the system under test could have embellished. A script appears in it as its effects,
 * wrapped in MULTI … EXEC.
 *
 * Several files make up the log. A rewrite opens a new incr file and writes a base file, which
 * restates, as plain writes, what the keys hold: states, not transitions. Files that a rewrite made
 * superfluous are deleted, unless Redis runs with `aof-disable-auto-gc yes`: then they stay in the
 * manifest as type `h`, history. So the whole log is the very first base (empty on a fresh
 * directory), then all incr files by sequence number, history and current alike; later bases are
 * left out, for they would repeat every state as if it had just been written.
 */
export interface AofTransaction {
  readonly file: string;
  /** Byte at which it begins in its file. */
  readonly offset: number;
  /** From the base file: these writes restate what the keys held when it was written. */
  readonly restated: boolean;
  /** The last `#TS:` annotation before it (`aof-timestamp-enabled yes`), in ms; whole seconds. */
  readonly notedMs: number | undefined;
  /** The writes that MULTI … EXEC holds together, or the one that stands alone. */
  readonly writes: readonly AofWrite[];
}

export interface AofWrite {
  readonly db: number;
  /** In upper case, whatever the client sent. */
  readonly name: string;
  readonly args: readonly string[];
}

/** This directory does not hold the whole log, or not in a form that can be read. */
export class AofUnreadable extends Error {
  override readonly name = 'AofUnreadable';
}

const chunkBytes = 1 << 20;

/**
 * Reads the log, oldest first. A torn end of the last file is dropped back to the last whole
 * transaction, as Redis itself does when it loads the file (`aof-load-truncated yes`).
 *
 * @param directory Redis's `appendonlydir`
 * @throws AofUnreadable if history is missing, a base file is an RDB file, or a file is damaged
 */
export async function* readAof(directory: string): AsyncGenerator<AofTransaction> {
  const files = await logFiles(directory);
  for (const [index, file] of files.entries()) {
    const reader = new AofFileReader(file);
    for await (const chunk of createReadStream(join(directory, file.name), { highWaterMark: chunkBytes })) {
      for (const transaction of reader.push(chunk as Buffer)) yield transaction;
    }
    // Redis goes on in a new file only after the old one was whole, so only the last may be torn.
    if (reader.tornAt !== undefined && index < files.length - 1) {
      throw new AofUnreadable(`${file.name} is torn at byte ${reader.tornAt}, yet a later file follows it`);
    }
  }
}

interface LogFile {
  readonly name: string;
  readonly seq: number;
  readonly kind: 'base' | 'incr';
}

async function logFiles(directory: string): Promise<LogFile[]> {
  const manifest = (await readdir(directory)).find((name) => name.endsWith('.manifest'));
  if (manifest === undefined) throw new AofUnreadable(`${directory} has no manifest`);
  const listed = parseManifest(await readFile(join(directory, manifest), 'utf8'));
  const bySeq = (a: LogFile, b: LogFile) => a.seq - b.seq;
  const base = listed.filter((file) => file.kind === 'base').sort(bySeq)[0];
  const incrs = listed.filter((file) => file.kind === 'incr').sort(bySeq);
  const wholeHistory = base?.seq === 1 && incrs.every((file, index) => file.seq === index + 1);
  if (!wholeHistory) {
    // A check of the rest alone would miss every transition that is gone.
    throw new AofUnreadable(
      `${directory} has lost its history to a rewrite: run Redis with aof-disable-auto-gc yes`,
    );
  }
  return [base, ...incrs];
}

function parseManifest(text: string): LogFile[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const parts = /^file (\S+) seq (\d+) type ([bih])\b/.exec(line);
      if (!parts) throw new AofUnreadable(`not a line of a manifest: ${line}`);
      const [, name = '', seq, type] = parts;
      // Type `h` does not show what the file was; its name does.
      const isBase = type === 'b' || (type === 'h' && name.includes('.base.'));
      return { name, seq: Number(seq), kind: isBase ? 'base' : 'incr' };
    });
}

/** Cuts one file, fed in chunks, into transactions. */
class AofFileReader {
  readonly #file: LogFile;
  /** Not yet consumed bytes, and where they begin in the file. */
  #rest: Buffer = Buffer.alloc(0);
  #restOffset = 0;
  #db = 0;
  #notedMs: number | undefined;
  #open: { offset: number; writes: AofWrite[] } | undefined;

  constructor(file: LogFile) {
    this.#file = file;
  }

  /** Where an unfinished command or transaction begins, or undefined if the file ended whole. */
  get tornAt(): number | undefined {
    return this.#open?.offset ?? (this.#rest.length > 0 ? this.#restOffset : undefined);
  }

  push(chunk: Buffer): AofTransaction[] {
    const buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (this.#file.kind === 'base' && this.#restOffset === 0 && buffer.toString('latin1', 0, 5) === 'REDIS') {
      throw new AofUnreadable(
        `${this.#file.name} is an RDB file, which is not read here: run Redis with aof-use-rdb-preamble no`,
      );
    }
    const done: AofTransaction[] = [];
    const end = this.#consume(buffer, done);
    this.#rest = buffer.subarray(end);
    this.#restOffset += end;
    return done;
  }

  /** @returns offset in `buffer` of the first byte that is not consumed */
  #consume(buffer: Buffer, done: AofTransaction[]): number {
    let at = 0;
    for (;;) {
      try {
        if (buffer[at] === hash) {
          const lineEnd = buffer.indexOf('\r\n', at);
          if (lineEnd === -1) return at;
          this.#annotate(buffer.toString('latin1', at, lineEnd));
          at = lineEnd + 2;
          continue;
        }
        const command = commandAt(buffer, at);
        if (!command) return at;
        this.#take(command.value, this.#restOffset + at, done);
        at = command.end;
      } catch (error) {
        if (!(error instanceof NotResp)) throw error;
        throw this.#damaged(this.#restOffset + at, error.message);
      }
    }
  }

  #annotate(line: string): void {
    const seconds = /^#TS:(\d+)/.exec(line)?.[1];
    if (seconds !== undefined) this.#notedMs = Number(seconds) * 1000;
  }

  #take([first = '', ...args]: string[], offset: number, done: AofTransaction[]): void {
    const name = first.toUpperCase();
    switch (name) {
      case 'SELECT':
        this.#db = Number(args[0]);
        return;
      case 'MULTI':
        if (this.#open) throw this.#damaged(offset, 'MULTI inside MULTI');
        this.#open = { offset, writes: [] };
        return;
      case 'EXEC':
        if (!this.#open) throw this.#damaged(offset, 'EXEC without MULTI');
        done.push(this.#transaction(this.#open.offset, this.#open.writes));
        this.#open = undefined;
        return;
      default: {
        const write = { db: this.#db, name, args };
        if (this.#open) this.#open.writes.push(write);
        else done.push(this.#transaction(offset, [write]));
      }
    }
  }

  #transaction(offset: number, writes: readonly AofWrite[]): AofTransaction {
    const { name: file, kind } = this.#file;
    return { file, offset, restated: kind === 'base', notedMs: this.#notedMs, writes };
  }

  #damaged(offset: number, what: string): AofUnreadable {
    return new AofUnreadable(`${this.#file.name} is damaged at byte ${offset}: ${what}`);
  }
}

const hash = '#'.charCodeAt(0);
