import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { runProgram } from '../../cli/commands/run.js';
import { Terminal } from '../../cli/commands/terminal.js';
import { type Deployment } from '../../testing/deployment.js';
import { repositoryRoot } from '../../testing/redis-server.js';

/** The program as it was built. */
export const program = join(repositoryRoot, 'dist', 'cli', 'fencepost-main.js');

/** The output of a command line, and how it ended. */
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
  /** Resolves as soon as standard error holds this. */
  readonly saidAside: (words: string) => Promise<void>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

/** Returns the environment that points a command line to a deployment. */
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

/**
 * Runs `fencepost <args>` to its end, in this process: starting one for each line took most of the time of these
 * tests. A line that is to be signalled has a process of its own.
 */
export function runLine(args: readonly string[], options: LineOptions = {}): Promise<Told> {
  if (options.whileRunning) return runProcess(args, options);
  // One after the other: the environment and the folder are those of the whole process.
  const line = lastLine.then(() => runHere(args, options));
  lastLine = line.catch(() => undefined);
  return line;
}

let lastLine: Promise<unknown> = Promise.resolve();

async function runHere(args: readonly string[], { env = {}, stdin = '' }: LineOptions): Promise<Told> {
  const [stdout, stderr] = [new Printed(), new Printed()];
  const terminal = new Terminal(
    { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr },
    new AbortController().signal,
  );
  const outside = { env: process.env, folder: process.cwd() };
  const { PATH = '', HOME = '' } = process.env;
  process.env = { PATH, HOME, ...env };
  // Away from any developer's `.env`.
  process.chdir(tmpdir());
  try {
    const code = await runProgram(args, terminal);
    return { code, signal: null, stdout: stdout.text, stderr: stderr.text };
  } finally {
    process.env = outside.env;
    process.chdir(outside.folder);
  }
}

/** The output of a command line that runs in this process. */
class Printed {
  text = '';

  write(text: string): void {
    this.text += text;
  }
}

/** Runs `fencepost <args>` as a process, away from any developer's `.env`. */
export async function runProcess(
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
  // A program that does not read its input closes it.
  child.stdin.on('error', () => undefined).end(stdin);
  await whileRunning?.({
    said: (words) => stdout.said(words),
    saidAside: (words) => stderr.said(words),
    kill: (signal) => void child.kill(signal),
  });
  const end = await ended;
  return { ...end, stdout: stdout.text, stderr: stderr.text };
}

/** The output so far, for which callers may wait. */
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
