import { chmodSync, cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { errorCode } from '../shared/runtime/error-code.js';
import { makeDirectory } from '../shared/runtime/make-directory.js';

/** Another live process has this directory. */
export class JournalLocked extends Error {
  override readonly name = 'JournalLocked';
}

/** A journal that cannot be read or written now: the message has the remedy. */
export class JournalUnavailable extends Error {
  override readonly name = 'JournalUnavailable';
}

export interface OpenedStore {
  readonly db: ClassicLevel;
  /** The file whose lock this process has. */
  readonly lockPath: string;
  /** There was one before. */
  readonly existed: boolean;
  /** A message for people about what became of a damaged journal. */
  readonly mended: string | undefined;
}

/**
 * Opens, or makes, the LevelDB database of a journal: for its owner alone, whatever the umask. One that is
 * damaged, as by a power cut, is copied aside, and then mended as far as LevelDB can; where it cannot, a
 * new one is begun.
 *
 * @throws JournalLocked while another process has it
 * @throws JournalUnavailable where the disk is full, or the directory is not this user's
 */
export async function openStore(directory: string): Promise<OpenedStore> {
  const path = join(directory, 'journal');
  makeDirectory(path, 0o700);
  // Results of commands are in there. Later files have the permissions that the umask leaves, but no other user can
  // reach them.
  for (const one of [directory, path]) closeToOthers(one);
  const files = readdirSync(path);
  const existed = files.some((name) => /^(CURRENT|MANIFEST-\d+|\d+\.(log|ldb|sst))$/.test(name));
  const lockPath = join(path, 'LOCK');
  try {
    // Where CURRENT is gone LevelDB would begin a new one beside the other files.
    return { db: await opened(path, !existed), lockPath, existed, mended: undefined };
  } catch (error) {
    const reason = reasonOf(error, directory);
    const why = existed && !files.includes('CURRENT') ? 'its file CURRENT is gone' : reason;
    const { db, mended } = await mend(directory, path, why);
    return { db, lockPath, existed, mended };
  }
}

function closeToOthers(directory: string): void {
  try {
    chmodSync(directory, 0o700);
  } catch (error) {
    // Another user's, who lets this one write there.
    if (errorCode(error) !== 'EPERM') throw error;
  }
}

/** Reads all of it, which is little: what is damaged shows now, and not when an outcome is to be reported. */
async function opened(path: string, createIfMissing: boolean): Promise<ClassicLevel> {
  const db = new ClassicLevel(path, { createIfMissing });
  await db.open();
  try {
    await db.values().all();
    return db;
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** Returns what is wrong with the data. @throws JournalLocked, JournalUnavailable when it is not the data */
function reasonOf(error: unknown, directory: string): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const text = cause instanceof Error ? cause.message : String(cause);
  if (errorCode(cause) === 'LEVEL_LOCKED') throw new JournalLocked(`${directory} is in use by another agent`);
  const advice = adviceFor(text);
  if (advice)
    throw new JournalUnavailable(`the journal in ${directory} cannot be opened (${text}): ${advice}`);
  return text;
}

/** An error of a disk, for people; any other as it is. */
export function unavailable(error: unknown, directory: string): unknown {
  const text = error instanceof Error ? error.message : String(error);
  const advice = adviceFor(text);
  if (!advice) return error;
  return new JournalUnavailable(`the journal in ${directory} cannot be written (${text}): ${advice}`);
}

/** Returns what to do where the disk, and not the data, is at fault. */
export function adviceFor(text: string): string | undefined {
  if (/no space left|quota exceeded|unknown system error -122\b/i.test(text))
    return 'free some space on that disk, and start it again: outcomes that are in it are kept, and reported then';
  if (/permission denied|operation not permitted|read-only file system/i.test(text))
    return 'give this user the right to write there, or another DATA_DIR';
  if (/too many open files/i.test(text)) return 'raise the limit of open files (ulimit -n)';
  if (/file too large/i.test(text)) return 'raise the limit of file sizes (ulimit -f), and start it again';
  if (/input\/output error|i\/o error/i.test(text))
    return 'that disk fails: replace it, or give another DATA_DIR';
  return undefined;
}

/** @throws JournalLocked, JournalUnavailable where nothing may be deleted */
async function mend(
  directory: string,
  path: string,
  why: string,
): Promise<{ db: ClassicLevel; mended: string }> {
  const aside = `${path}.damaged-${Date.now()}`;
  cpSync(path, aside, { recursive: true });
  const began = `the journal in ${path} was damaged (${why}); as it was, it is kept in ${aside}`;
  try {
    await ClassicLevel.repair(path);
    return { db: await opened(path, false), mended: `${began}; what could be read of it is there again` };
  } catch (error) {
    // On a disk that is full, for instance, it can be read later.
    reasonOf(error, directory);
    rmSync(path, { recursive: true });
    makeDirectory(path, 0o700);
    return {
      db: await opened(path, true),
      mended: `${began}; nothing of it could be read, and a new one is begun`,
    };
  }
}
