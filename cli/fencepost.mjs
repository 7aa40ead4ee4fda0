#!/usr/bin/env node
// `npx fencepost …`: builds what is missing, as every npm script does, and goes on as the command line.
process.argv.splice(2, 0, 'cli');
await import('./run.mjs');
