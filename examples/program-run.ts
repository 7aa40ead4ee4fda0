import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Readable } from 'node:stream';

export interface ProgramOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly stdin: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How many bytes of each stream are kept. */
  readonly keptBytes: number;
  /** From SIGTERM to SIGKILL. */
  readonly killAfterMs: number;
  readonly onOutput: (output: { stdoutBytes: number; stderrBytes: number; lastLine: string }) => void;
}

/** How long the streams may stay open once the whole group was killed: a process that left it may hold them. */
const drainMs = 500;
/** How many characters of the last line are shown. */
const lineChars = 120;

/** The programs that run now. Timers end with this process, so its last act is to kill what is still to be killed. */
const running = new Set<ProgramRun>();
process.on('exit', () => {
  for (const run of running) run.kill();
});

/**
 * One run of a program, in a process group of its own: a program that starts others is stopped with all
 * of them, and none of them outlives it. None outlives this process either, unless that is killed.
 */
export class ProgramRun {
  readonly #options: ProgramOptions;
  readonly #startedAt = performance.now();
  readonly #child: ChildProcess;
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #exited: Promise<unknown[]>;
  #killLater: NodeJS.Timeout | undefined;

  constructor(options: ProgramOptions) {
    const { program, args, stdin, env, keptBytes } = options;
    this.#options = options;
    // Detached: the child leads a group. Without a shell: an argument is an argument, whatever is in it.
    const child = spawn(program, args, { env: { ...env }, detached: true, shell: false, stdio: 'pipe' });
    this.#child = child;
    if (child.pid !== undefined) running.add(this);
    this.#exited = once(child, 'exit');
    // Awaited only when it has started.
    this.#exited.catch(() => undefined);
    this.#stdout = new Output(child.stdout, keptBytes, () => this.#tell());
    this.#stderr = new Output(child.stderr, keptBytes, () => this.#tell());
    // A program need not read what it is given.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
  }

  /** @returns its process id @throws when it cannot be started */
  async started(): Promise<number | undefined> {
    if (this.#child.pid === undefined) await once(this.#child, 'spawn');
    return this.#child.pid;
  }

  /** SIGTERM for the whole group, and SIGKILL for what is left of it a while later. */
  stop(): void {
    this.#signal('SIGTERM');
    this.#killLater ??= setTimeout(() => this.kill(), this.#options.killAfterMs);
  }

  /** SIGKILL for whatever is left of the group, at once. */
  kill(): void {
    this.#signal('SIGKILL');
  }

  /** Resolves when it has ended, and nothing of its group is left. */
  async ended() {
    const [exitCode, signal] = (await this.#exited) as [number | null, NodeJS.Signals | null];
    clearTimeout(this.#killLater);
    this.kill();
    // Another process may have its number from now on.
    running.delete(this);
    await Promise.all([this.#stdout.closed(drainMs), this.#stderr.closed(drainMs)]);
    const tookMs = Math.round(performance.now() - this.#startedAt);
    return { exitCode, signal, stdout: this.#stdout.kept(), stderr: this.#stderr.kept(), tookMs };
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch {
      // No process of the group is left.
    }
  }

  #tell(): void {
    const [stdoutBytes, stderrBytes] = [this.#stdout.bytes, this.#stderr.bytes];
    this.#options.onOutput({ stdoutBytes, stderrBytes, lastLine: this.#stdout.lastLine });
  }
}

/** The output of a program on one stream: all is read, so that the program never waits, and the first part is kept. */
class Output {
  readonly #stream: Readable;
  readonly #keptBytes: number;
  readonly #decoder = new TextDecoder();
  readonly #closed: Promise<unknown>;
  #text = '';
  bytes = 0;
  lastLine = '';

  constructor(stream: Readable, keptBytes: number, onData: () => void) {
    this.#stream = stream;
    this.#keptBytes = keptBytes;
    // A stream that breaks is closed, too.
    this.#closed = once(stream, 'close').catch(() => undefined);
    stream.on('data', (chunk: Buffer) => {
      this.#take(chunk);
      onData();
    });
  }

  #take(chunk: Buffer): void {
    const room = Math.max(0, this.#keptBytes - this.bytes);
    this.bytes += chunk.length;
    // A character that is cut in two stays in the decoder: it is not kept.
    this.#text += this.#decoder.decode(chunk.subarray(0, room), { stream: true });
    const lines = chunk.toString('utf8').trimEnd().split('\n');
    this.lastLine = (lines.at(-1) ?? '').slice(0, lineChars);
  }

  async closed(mostMs: number): Promise<void> {
    const timer = setTimeout(() => this.#stream.destroy(), mostMs);
    await this.#closed;
    clearTimeout(timer);
  }

  kept() {
    const { bytes } = this;
    return { text: this.#text, bytes, truncated: bytes > this.#keptBytes };
  }
}
