import { renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Writes a file for its owner alone, under another name, and renames it: a reader sees all of it or none.
 * A symbolic link in the way of either name is replaced, and never followed.
 */
export function writePrivateFile(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  rmSync(draft, { force: true });
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx' });
  renameSync(draft, path);
}
