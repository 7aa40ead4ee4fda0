import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';

/** Fencepost's version, from the nearest package.json above: one place to raise it, for sources and build alike. */
export const version = readVersion(__dirname);

function readVersion(folder: string): string {
  try {
    const json: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    return z.object({ version: z.string() }).parse(json).version;
  } catch {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('no package.json above the program');
    return readVersion(parent);
  }
}
