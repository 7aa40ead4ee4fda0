import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { errorCode } from '../shared/runtime/error-code.js';
import { pause } from '../shared/runtime/service.js';
import { guard } from './guardian.js';
import { repositoryRoot } from './redis-server.js';

export { repositoryRoot } from './redis-server.js';

export interface StartOptions {
  /** Laid over this process's environment, which is given without Fencepost's own variables. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A temporary folder when left out, where no developer's `.env` is read. */
  readonly cwd?: string;
  /** In a process group of its own, as a shell starts a job: `killGroup()` is then its Ctrl-C. */
  readonly ownGroup?: boolean;
  /**
   * Gives it an IPC channel, as `npm start` gives its children one: it then ends by itself when this
   * process dies, and `messages` has what it sent.
   */
  readonly ipc?: boolean;
  /** The program that runs the script: Node when left out. */
  readonly program?: string;
  /** A file descriptor that its standard output goes to; into `lines` when left out. */
  readonly stdout?: number;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface WaitOptions {
  readonly timeoutMs?: number;
  /** Look only at lines from this index on: `process.lines.length` waits for what is printed from now on. */
  readonly from?: number;
}

/** For the last lines to arrive after the end of a process whose children still hold its output. */
const drainMs = 300;

/**
 * Only so that a test that waits for what never happens ends, and names it: less than Jest's own limit, and far
 * more than a machine needs that is busy with other things. No test is about this time.
 */
export const hangMs = 200_000;

const started = new Set<TestProcess>();

/**
 * Starts a program, of Node unless `options.program` names another one.
 *
 * @param args the script, relative to the repository, and its arguments: `['dist/server/main.js', '--port=0']`
 */
export function startProcess(
  args: readonly [script: string, ...rest: string[]],
  options: StartOptions = {},
): TestProcess {
  const [script, ...rest] = args;
  const child = spawn(options.program ?? process.execPath, [resolve(repositoryRoot, script), ...rest], {
    cwd: options.cwd ?? tmpdir(),
    env: { ...foreignVariables(), ...options.env },
    detached: options.ownGroup ?? false,
    stdio: ['ignore', options.stdout ?? 'pipe', 'pipe', ...(options.ipc ? (['ipc'] as const) : [])],
  });
  guard(child);
  return new TestProcess(child, script);
}

/** This process's environment without Fencepost's own variables: a developer's REDIS_URL is not for tests. */
function foreignVariables(): NodeJS.ProcessEnv {
  const ours =
    /^(PORT|HOST|AGENTS|DATA_DIR|POLL_INTERVAL|(AGENT|FENCEPOST|GRACE|KEEP_ALIVE|LEASE|LOG|MAX|REDIS|RETENTION|SERVER)_.+)$/;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}

/** SIGKILL to everything that `startProcess` started here and that still runs: for `afterEach`. */
export async function endProcesses(): Promise<void> {
  await Promise.all(
    [...started].map((process) => {
      process.kill('SIGKILL');
      return process.exited;
    }),
  );
}

/** A process started by a test: its output by lines, its end, and ways to end it. */
export class TestProcess {
  readonly pid: number;
  /** Standard output and error, interleaved as they came. */
  readonly lines: string[] = [];
  /** The messages that it sent over IPC. */
  readonly messages: unknown[] = [];
  /** Resolves when it has ended and its output is in `lines`. Never rejects. */
  readonly exited: Promise<Exit>;
  /** Resolves when no process holds its output any more: it and every one that inherited it have ended. */
  readonly outputEnded: Promise<void>;
  readonly #child: ChildProcess;
  readonly #name: string;
  #exit: Exit | undefined;
  #news: () => void = () => undefined;
  #nextNews = this.#listen();

  constructor(child: ChildProcess, name: string) {
    this.#child = child;
    this.#name = name;
    this.pid = child.pid ?? 0;
    started.add(this);
    for (const stream of [child.stdout, child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#add(this.lines, line));
    }
    child.on('message', (message) => this.#add(this.messages, message));
    this.outputEnded = new Promise((ended) => child.once('close', () => ended()));
    this.exited = new Promise((ended) => {
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        this.#exit = { code, signal };
        started.delete(this);
        this.#tell();
        ended(this.#exit);
      };
      child.once('exit', (code, signal) => {
        // A child that it left behind may hold its output open for ever.
        void Promise.race([this.outputEnded, pause(drainMs)]).then(() => end(code, signal));
      });
      child.once('error', (error) => {
        this.lines.push(String(error));
        if (this.pid === 0) end(null, null);
      });
    });
  }

  /** All lines so far. */
  get output(): string {
    return this.lines.join('\n');
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The first line that matches, printed already or yet to come. Rejects when the process ends without it. */
  waitForLine(pattern: RegExp, { timeoutMs = hangMs, from = 0 }: WaitOptions = {}): Promise<string> {
    return this.#waitFor(
      () => this.lines.slice(from).find((line) => pattern.test(line)),
      String(pattern),
      timeoutMs,
    );
  }

  /** The first IPC message that `isIt` accepts. Rejects when the process ends without it. */
  waitForMessage(
    isIt: (message: unknown) => boolean,
    { timeoutMs = hangMs }: WaitOptions = {},
  ): Promise<unknown> {
    return this.#waitFor(() => this.messages.find(isIt), 'a message', timeoutMs);
  }

  /** Sends over the IPC channel; arrives as `process.on('message')`. A process that has ended receives nothing. */
  send(message: object): void {
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** To its whole process group, as Ctrl-C in a terminal; only when started with `ownGroup`. */
  killGroup(signal: NodeJS.Signals): void {
    if (!this.running || this.pid === 0) return;
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      if (errorCode(error) !== 'ESRCH') throw error;
    }
  }

  async #waitFor<T>(find: () => T | undefined, what: string, timeoutMs: number): Promise<T> {
    const deadline = { passed: false };
    const timer = setTimeout(() => {
      deadline.passed = true;
      this.#tell();
    }, timeoutMs);
    try {
      for (;;) {
        const found = find();
        if (found !== undefined) return found;
        const ended = this.#exit && `it ended (${this.#exit.code ?? this.#exit.signal})`;
        const why = deadline.passed ? `within ${timeoutMs} ms` : ended;
        if (why !== undefined)
          throw new Error(`${this.#name}: no ${what}: ${why}\n${this.output.slice(-4000)}`);
        await this.#nextNews;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #add<T>(list: T[], item: T): void {
    list.push(item);
    this.#tell();
  }

  #tell(): void {
    const tell = this.#news;
    this.#nextNews = this.#listen();
    tell();
  }

  #listen(): Promise<void> {
    return new Promise((resolve) => (this.#news = resolve));
  }
}

/** Below those that systems give to outgoing connections, and above those of well-known programs. */
const [firstPort, lastPort] = [12_000, 31_999] as const;

/** Processes that look for ports at the same time, such as Jest's workers, take each from a lane of its own. */
const lanes = 16;
const lane = Number(process.env['JEST_WORKER_ID'] ?? process.pid) % lanes;
const given = new Set<number>();

/**
 * Returns a loopback port for a program that is about to start. No program listened on it a moment ago, no
 * outgoing connection is given it, also not while the program is down for a while, and no caller gets it again.
 */
export async function freePort(): Promise<number> {
  const inLane = Math.floor((lastPort - firstPort + 1) / lanes);
  while (given.size < inLane) {
    const port = firstPort + lane + lanes * Math.floor(Math.random() * inLane);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`no port between ${firstPort} and ${lastPort} is free that was not given before`);
}

/** Listens for a moment. */
async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  } catch (error) {
    if (errorCode(error) === 'EADDRINUSE') return false;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return true;
}
