import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Readable } from 'node:stream';
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
  readonly said: (words: string) => Promise<void>;
  /** The same of standard error. */
  readonly saidAside: (words: string) => Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** What tells a command line where a deployment is. */
export const whereIs = (deployment: Deployment): Readonly<Record<string, string>> => ({
  REDIS_URL: deployment.redis.url,
  SERVER_URL: deployment.url,
  DATA_DIR: deployment.dataDir,
});

/** Starts a Redis that was killed: a client that has not found it again keeps a timer when it is closed. */
export async function bringBack(deployment: Deployment): Promise<void> {
  await deployment.redis.start();
  await deployment.settled();
}

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
  const [stdout, stderr] = [new Output(child.stdout, ended), new Output(child.stderr, ended)];
  // One that does not read its input closes it.
  child.stdin.on('error', () => undefined).end(stdin);
  await whileRunning?.({
    said: (words) => stdout.said(words),
    saidAside: (words) => stderr.said(words),
    kill: (signal) => void child.kill(signal),
  });
  const end = await ended;
  return { ...end, stdout: stdout.text, stderr: stderr.text };
}

/** What came so far, and who waits for more. */
class Output {
  text = '';
  readonly #stream: Readable;
  readonly #ended: Promise<unknown>;

  constructor(stream: Readable, ended: Promise<unknown>) {
    this.#stream = stream.setEncoding('utf8').on('data', (chunk: string) => (this.text += chunk));
    this.#ended = ended;
  }

  said(words: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = () => void (this.text.includes(words) && resolve());
      this.#stream.on('data', look);
      look();
      void this.#ended.then(() => reject(new Error(`it ended without "${words}": ${this.text}`)));
    });
  }
}
