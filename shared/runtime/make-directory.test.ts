import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeDirectory } from './make-directory.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'fencepost-folder-'))));
afterEach(() => rmSync(folder, { recursive: true }));

it('makes all the directories of a path, and does nothing the second time', () => {
  const path = join(folder, 'a', 'b', 'c');
  makeDirectory(path);
  makeDirectory(path);
  expect(statSync(path).isDirectory()).toBe(true);
});

it('fails where a file is in the way', () => {
  writeFileSync(join(folder, 'file'), '');
  expect(() => makeDirectory(join(folder, 'file', 'below'))).toThrow(/ENOTDIR/);
});

const onLinux = process.platform === 'linux' ? it : it.skip;
onLinux('fails, and does not try for ever, where no directory can be made', () => {
  expect(() => makeDirectory('/proc/fencepost/below')).toThrow(/ENOENT/);
});
