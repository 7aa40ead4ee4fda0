#!/usr/bin/env node
// `npx fencepost …`. In a clone it builds what is missing, as every npm script does, and goes on as the
// command line; an installed package is built already, and has nothing to build with.
//
// `start`, `server` and `agent` go on as these programs in this same process: a signal reaches them, and
// not a parent that could be killed without them.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** By subcommand: the target of run.mjs, and the program in the package. */
const programs = new Map([
  ['start', { target: 'stack', program: '../dist/cli/stack-main.js' }],
  ['server', { target: 'server', program: '../dist/server/main.js' }],
  ['agent', { target: 'agent', program: '../dist/agent/main.js' }],
]);

const chosen = programs.get(process.argv[2]);
if (chosen) process.argv.splice(2, 1);
if (existsSync(fileURLToPath(new URL('./run.mjs', import.meta.url)))) {
  process.argv.splice(2, 0, chosen?.target ?? 'cli');
  await import('./run.mjs');
} else {
  await import(chosen?.program ?? '../dist/cli/fencepost-main.js');
}
