import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePrivateFile } from './private-file.js';

let directory: string;
let path: string;
let victim: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'fencepost-private-'));
  path = join(directory, 'redis.pid');
  victim = join(directory, 'victim');
  writeFileSync(victim, 'as it was');
});
afterEach(() => rmSync(directory, { recursive: true }));

it('writes a file that only its owner may read, and leaves no draft, whatever the umask', () => {
  const umask = process.umask(0);
  try {
    writePrivateFile(path, 'new');
  } finally {
    process.umask(umask);
  }
  expect(readFileSync(path, 'utf8')).toBe('new');
  expect(lstatSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(directory).sort()).toEqual(['redis.pid', 'victim']);
});

it.each(['', `.${process.pid}`])(
  'replaces a link at its name%s, and does not write where that points',
  (suffix) => {
    symlinkSync(victim, `${path}${suffix}`);
    writePrivateFile(path, 'new');
    expect(readFileSync(victim, 'utf8')).toBe('as it was');
    expect(lstatSync(path).isSymbolicLink()).toBe(false);
    expect(readFileSync(path, 'utf8')).toBe('new');
  },
);
