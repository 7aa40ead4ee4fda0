import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { makeDirectory } from './make-directory.js';
import { writePrivateFile } from './private-file.js';
import { isAlive } from './process-identity.js';
import { redisUrlSchema } from './settings.js';
import { readTextFile } from './text-file.js';

const stackSchema = z.object({
  /** The process behind `npm start`. */
  pid: z.int().min(1),
  redisUrl: redisUrlSchema,
  serverUrl: z.url({ protocol: /^https?$/ }),
});

/** The process id and addresses that a running `npm start` publishes to local programs, in `DATA_DIR/stack.json`. */
export type StackFile = z.infer<typeof stackSchema>;

const pathIn = (dataDir: string) => join(dataDir, 'stack.json');

/** Only its owner may read it: the URL may hold a password. */
export function writeStackFile(dataDir: string, stack: StackFile): void {
  makeDirectory(dataDir, 0o700);
  writePrivateFile(pathIn(dataDir), `${JSON.stringify(stack, null, 2)}\n`);
}

/** Returns the contents of the file, or undefined when it is missing or cannot be parsed. */
export function readStackFile(dataDir: string): StackFile | undefined {
  try {
    return stackSchema.safeParse(JSON.parse(readTextFile(pathIn(dataDir)).text)).data;
  } catch {
    return undefined;
  }
}

export function removeStackFile(dataDir: string): void {
  rmSync(pathIn(dataDir), { force: true });
}

/** The stack that runs on this `DATA_DIR` now, or undefined: a file left by a killed one does not count. */
export function liveStack(dataDir: string): StackFile | undefined {
  const stack = readStackFile(dataDir);
  return stack && isAlive(stack.pid) ? stack : undefined;
}

export const defaultRedisUrl = 'redis://127.0.0.1:6379';

/** The Redis of a server or agent started alone: as configured, else that of a running `npm start`, else the usual one. */
export function resolveRedisUrl(config: {
  readonly redisUrl: string | undefined;
  readonly dataDir: string;
}): string {
  return config.redisUrl ?? liveStack(config.dataDir)?.redisUrl ?? defaultRedisUrl;
}

const defaultServerUrl = 'http://localhost:3000';

/** The servers of an agent over HTTP: as configured, else that of a running `npm start`, else the usual one. */
export function resolveServerUrls(config: {
  readonly serverUrls: readonly string[] | undefined;
  readonly dataDir: string;
}): readonly string[] {
  return config.serverUrls ?? [liveStack(config.dataDir)?.serverUrl ?? defaultServerUrl];
}
