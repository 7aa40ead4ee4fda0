import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { errorCode } from '../shared/runtime/error-code.js';
import { makeDirectory } from '../shared/runtime/make-directory.js';
import { liveStack } from '../shared/runtime/stack-file.js';
import { StartError } from './start-error.js';

/** Held for as long as `npm start` runs. */
export interface DataDirLock {
  release(): Promise<void>;
}

/**
 * Makes DATA_DIR and takes it for this process alone: two stacks on one directory would be two Redis
 * servers on one append-only file.
 *
 * The lock is an empty LevelDB database. Node has no file locks of its own, and LevelDB takes one of
 * the kernel's (fcntl) that is gone the moment its process is, however that died. A pid file would
 * outlive a SIGKILL, and then name an unrelated process.
 *
 * @throws StartError when another stack has it, or it cannot be written
 */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  try {
    makeDirectory(dataDir, 0o700);
    accessSync(dataDir, constants.W_OK);
  } catch (error) {
    throw new StartError(`DATA_DIR ${dataDir} cannot be written (${errorCode(error) ?? String(error)})`);
  }
  const lock = new ClassicLevel(join(dataDir, 'stack.lock'));
  try {
    await lock.open();
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (errorCode(cause) !== 'LEVEL_LOCKED') {
      throw new StartError(`DATA_DIR ${dataDir} cannot be locked: ${String(cause ?? error)}`);
    }
    // The owner writes its stack file a little after it takes the lock.
    const owner = liveStack(dataDir);
    const who = owner ? `pid ${owner.pid}` : 'which is starting';
    throw new StartError(`DATA_DIR ${dataDir} is in use by another npm start, ${who}`);
  }
  return { release: () => lock.close() };
}
