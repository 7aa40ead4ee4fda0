import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Deployment } from '../../shared/testing/deployment.js';
import { repositoryRoot } from '../../shared/testing/redis-server.js';

/** The program as it was built. */
export const program = join(repositoryRoot, 'dist', 'cli', 'fencepost-main.js');

/** What a line printed, and how it ended. */
export interface Told {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface LineOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** Called as soon as it has been started: to signal it. */
  readonly whileRunning?: (child: RunningLine) => Promise<void>;
}

export interface RunningLine {
  /** Resolves as soon as standard output holds this. */
  said(words: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

/** What tells a command line where a deployment is. */
export const whereIs = (deployment: Deployment): Readonly<Record<string, string>> => ({
  REDIS_URL: deployment.redis.url,
  SERVER_URL: deployment.url,
  DATA_DIR: deployment.dataDir,
});

/** Runs `fencepost <args>` to its end, away from any developer's `.env`. */
export async function runLine(
  args: readonly string[],
  { env = {}, stdin = '', whileRunning }: LineOptions = {},
): Promise<Told> {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [program, ...args], { cwd: tmpdir(), env: { PATH, HOME, ...env } });
  const ended = new Promise<Pick<Told, 'code' | 'signal'>>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  let soFar = '';
  const said = (words: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => soFar.includes(words) && resolve();
      child.stdout.on('data', look);
      look();
      void ended.then(() => reject(new Error(`it ended without "${words}": ${soFar}`)));
    });
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (soFar += chunk));
  const stderr = text(child.stderr);
  // One that does not read its input closes it.
  child.stdin.on('error', () => undefined).end(stdin);
  await whileRunning?.({ said, kill: (signal) => void child.kill(signal) });
  const end = await ended;
  return { ...end, stdout: soFar, stderr: await stderr };
}
