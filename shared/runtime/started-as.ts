import { basename } from 'node:path';

/** By program: how it is started in a clone, and by the command line of an installed package. */
const lines = {
  start: { clone: 'npm start', installed: 'npx fencepost start' },
  server: { clone: 'npm run server', installed: 'npx fencepost server' },
  agent: { clone: 'npm run agent', installed: 'npx fencepost agent' },
} as const;

// npm links it without its ending.
const isInstalled = () => /^fencepost(\.mjs)?$/.test(basename(process.argv[1] ?? ''));

/** Returns what a user types to start this program the way that they have started it. */
export function startedAs(program: keyof typeof lines): string {
  return lines[program][isInstalled() ? 'installed' : 'clone'];
}

/** The same, to be followed by flags, which npm hands on only behind `--`. */
export function startedWithFlags(program: keyof typeof lines): string {
  return isInstalled() ? lines[program].installed : `${lines[program].clone} --`;
}
