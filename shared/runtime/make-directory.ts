import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { errorCode } from './error-code.js';

/**
 * Makes a directory and those above it.
 *
 * Not `mkdir` with `recursive`: where a file system refuses new names with ENOENT, as /proc does, Node
 * takes that for a missing parent, and tries for ever.
 *
 * @throws what the first directory that cannot be made failed with
 */
export function makeDirectory(path: string, mode = 0o777): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  if (parent !== path) makeDirectory(parent, mode);
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    // Another process was quicker.
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}
