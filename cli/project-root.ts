import { basename, dirname, resolve } from 'node:path';

/** The checkout: this file runs from `cli/` in tests, and from `dist/cli/` otherwise. */
export const projectRoot = resolve(__dirname, basename(dirname(__dirname)) === 'dist' ? '../..' : '..');
