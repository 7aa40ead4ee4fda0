import { basename, dirname, resolve } from 'node:path';

/** The checkout: this file runs as `cli/` in tests, and as `dist/cli/` else. */
export const projectRoot = resolve(__dirname, basename(dirname(__dirname)) === 'dist' ? '../..' : '..');
