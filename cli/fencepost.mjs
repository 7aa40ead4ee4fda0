#!/usr/bin/env node
// `npx fencepost …`. In a clone it builds what is missing, as every npm script does, and goes on as the
// command line; an installed package is built already, and has nothing to build with.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

if (existsSync(fileURLToPath(new URL('./run.mjs', import.meta.url)))) {
  process.argv.splice(2, 0, 'cli');
  await import('./run.mjs');
} else {
  await import('../dist/cli/fencepost-main.js');
}
