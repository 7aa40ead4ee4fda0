import { closeSync, fdatasync, fdatasyncSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { messageOf } from '../shared/runtime/thrown.js';

/** One file of the outcome log. */
export class OutcomeSegment {
  readonly #path: string;
  readonly #fd: number;
  /** Records of which an outcome was not answered yet. */
  unanswered = 0;
  bytes = 0;
  #syncedBytes = 0;
  #isSyncing = false;
  #isEnded = false;

  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, 'wx', 0o600);
  }

  /**
   * Appends a line. What a write that failed left of it is no whole line, and the next one is written over it.
   *
   * @throws the error of the disk, with the name of the file
   */
  append(line: Buffer): void {
    try {
      for (let written = 0; written < line.length;) {
        written += writeSync(this.#fd, line, written, line.length - written, this.bytes + written);
      }
    } catch (error) {
      throw new Error(`${this.#path}: ${messageOf(error)}`, { cause: error });
    }
    this.bytes += line.length;
  }

  get needsSync(): boolean {
    return this.unanswered > 0 && this.#syncedBytes < this.bytes;
  }

  /** @param done called when what it holds now is on the disk, or with the error of the disk */
  sync(done: (error: unknown) => void): void {
    const upTo = this.bytes;
    this.#isSyncing = true;
    fdatasync(this.#fd, (error) => {
      this.#isSyncing = false;
      if (!error) this.#syncedBytes = upTo;
      // Nothing in it is of use any more: whether it is on the disk is all the same.
      if (this.#isEnded) this.#delete();
      done(this.#isEnded ? undefined : error);
    });
  }

  syncNow(): void {
    fdatasyncSync(this.#fd);
  }

  /** Deletes it; once the sync is done that is under way, since a file of its number must not be synced instead. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (!this.#isSyncing) this.#delete();
  }

  /** Leaves it to the next run. */
  close(): void {
    closeSync(this.#fd);
  }

  #delete(): void {
    closeSync(this.#fd);
    try {
      unlinkSync(this.#path);
    } catch {
      // The directory is gone, for instance. What the file still holds is reported again, and answered again.
    }
  }
}

/** Has new names in a directory survive a power cut, where the system can do that. */
export function syncDirectory(path: string): void {
  // Windows opens no directories.
  if (process.platform === 'win32') return;
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
