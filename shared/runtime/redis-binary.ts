import { execFile, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A program that is a Redis server when it is started as `argv0`. */
export interface RedisBinary {
  readonly path: string;
  /** Debian's `redis-tools` ships the server under the name `redis-check-rdb`; it goes by the name it is called. */
  readonly argv0: string;
  readonly version: string;
}

export const oldestRedis = '7.0';

const candidates = [
  { file: 'redis-server', argv0: 'redis-server' },
  { file: 'valkey-server', argv0: 'valkey-server' },
  { file: 'redis-check-rdb', argv0: 'redis-server' },
] as const;

/** No Redis is here and none could be installed. The message is what the user is to do. */
export class RedisMissing extends Error {
  override readonly name = 'RedisMissing';
}

/** The first Redis or Valkey server on PATH that is at least 7.0, or undefined. */
export async function findRedisBinary(): Promise<RedisBinary | undefined> {
  for (const { file, argv0 } of candidates) {
    for (const path of onPath(file)) {
      const version = await versionOf(path, argv0);
      if (version !== undefined && Number.parseInt(version, 10) >= 7) return { path, argv0, version };
    }
  }
  return undefined;
}

/**
 * Finds a Redis server, or installs one with the system's package manager where this process may.
 * On Debian that is `redis-tools`: `redis-server` would start a daemon of its own on port 6379,
 * with the append-only file off.
 *
 * @param say told in one line what is about to be installed
 * @throws RedisMissing with the line that installs it
 */
export async function ensureRedisBinary(say: (line: string) => void): Promise<RedisBinary> {
  const found = await findRedisBinary();
  if (found) return found;
  const installer = await findInstaller();
  if (!installer) throw new RedisMissing(howToInstall());
  say(
    `No Redis ${oldestRedis} or newer on PATH; installing it: ${installer.map((step) => step.join(' ')).join(' && ')}`,
  );
  for (const [command, ...args] of installer) {
    try {
      await run(command, args, { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
    } catch (error) {
      throw new RedisMissing(`${[command, ...args].join(' ')} failed: ${lastLine(error)}. ${howToInstall()}`);
    }
  }
  const installed = await findRedisBinary();
  if (!installed) throw new RedisMissing(howToInstall());
  return installed;
}

function howToInstall(): string {
  const command =
    process.platform === 'darwin' ? 'brew install redis' : 'sudo apt-get install -y redis-tools';
  return `Fencepost needs redis-server or valkey-server ${oldestRedis} or newer on PATH. Install it: ${command}`;
}

type Step = [command: string, ...args: string[]];

async function findInstaller(): Promise<Step[] | undefined> {
  if (process.platform === 'darwin') {
    return onPath('brew').length > 0 ? [['brew', 'install', 'redis']] : undefined;
  }
  if (onPath('apt-get').length === 0) return undefined;
  const steps: Step[] = [
    ['apt-get', 'update', '-qq'],
    ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'redis-tools'],
  ];
  if (process.getuid?.() === 0) return steps;
  const mayBeRoot = await run('sudo', ['-n', 'true']).then(
    () => true,
    () => false,
  );
  return mayBeRoot ? steps.map((step): Step => ['sudo', '-n', ...step]) : undefined;
}

function onPath(file: string): string[] {
  // /usr/sbin and Homebrew's folder are often missing from a service's PATH.
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/usr/local/sbin',
    '/opt/homebrew/bin',
  ];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, file))
    .filter((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

async function versionOf(path: string, argv0: string): Promise<string | undefined> {
  // Not execFile: it drops argv0.
  const child = spawn(path, ['--version'], { argv0, stdio: ['ignore', 'pipe', 'ignore'] });
  const stdout = await text(child.stdout).catch(() => '');
  return /v=(\d+\.\d+\.\d+)/.exec(stdout)?.[1];
}

function lastLine(error: unknown): string {
  const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
  return stderr.trim().split('\n').at(-1) ?? '';
}
