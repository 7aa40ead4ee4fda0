import { spawn, type ChildProcess } from 'node:child_process';
import { ceilingMs } from '../shared/runtime/backoff.js';
import { type Logger } from '../shared/runtime/logger.js';

/** A program that `npm start` keeps running. */
export interface ChildSpec {
  /** The name in the logs: `redis`, `server`, `agent 1`. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly argv0?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Resolves when it does its work, rejects when `ended` is aborted first. Left out: it sends `{ready: true}` over IPC. */
  readonly whenReady?: (ended: AbortSignal) => Promise<void>;
  /** How long it may take to end after SIGTERM before it gets SIGKILL. */
  readonly stopMs: number;
  /** The signal that it gets when there is no time to stop in order. */
  readonly lastSignal: 'SIGKILL' | 'SIGTERM';
  /** Whether its output goes where ours goes; else nowhere, for one that keeps a log of its own. */
  readonly output: 'inherit' | 'ignore';
  /** Called in the same event-loop tick as the start, so that no crash comes between a process and its record. */
  readonly onStarted?: (pid: number) => void;
  readonly onEnded?: () => void;
}

/**
 * How a first start went. `refused`: it ended with code 1 before it was ever ready, which means that
 * its configuration is wrong; it has printed why, and a restart would not help.
 */
export type StartOutcome = 'ready' | 'refused' | 'stopped';

/** A child that lived this long had started well: its next crash is a new one. */
const aliveMs = 10_000;

interface Running {
  readonly process: ChildProcess;
  readonly startedAt: number;
  readonly ended: Promise<void>;
}

/**
 * One child process, started again whenever it ends: at once, then after 100 ms, doubling to 2 s.
 * It has a process group of its own, so that Ctrl-C reaches only the supervisor, which stops its
 * children in order.
 */
export class SupervisedChild {
  readonly name: string;
  readonly #spec: ChildSpec;
  readonly #logger: Logger;
  readonly #outcome: Promise<StartOutcome>;
  #settle!: (outcome: StartOutcome) => void;
  #running: Running | undefined;
  #restart: NodeJS.Timeout | undefined;
  #failures = 0;
  #wasReady = false;
  #stopping = false;

  constructor(spec: ChildSpec, logger: Logger) {
    this.name = spec.name;
    this.#spec = spec;
    this.#logger = logger;
    this.#outcome = new Promise((resolve) => (this.#settle = resolve));
  }

  /** Starts it, and resolves when it is ready for the first time, refused to start, or was stopped. */
  start(): Promise<StartOutcome> {
    this.#spawn();
    return this.#outcome;
  }

  /** SIGTERM, after `stopMs` SIGKILL; resolves when it has ended. Stopping twice is safe. */
  async stop(): Promise<void> {
    this.#giveUp();
    const running = this.#running;
    if (!running) return;
    running.process.kill('SIGTERM');
    const timer = setTimeout(() => {
      this.#logger.warn(
        { child: this.name },
        `${this.name} did not stop in ${this.#spec.stopMs} ms: SIGKILL`,
      );
      running.process.kill('SIGKILL');
    }, this.#spec.stopMs);
    await running.ended;
    clearTimeout(timer);
  }

  /** Sends its last signal and waits for nothing. */
  kill(): void {
    this.#giveUp();
    this.#running?.process.kill(this.#spec.lastSignal);
  }

  #giveUp(): void {
    this.#stopping = true;
    clearTimeout(this.#restart);
    this.#settle('stopped');
  }

  #spawn(): void {
    const { command, args, argv0, env, output, whenReady } = this.#spec;
    const child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', output, output, ...(whenReady ? [] : (['ipc'] as const))],
      ...(argv0 === undefined ? {} : { argv0 }),
      ...(env === undefined ? {} : { env }),
    });
    if (child.pid !== undefined) this.#spec.onStarted?.(child.pid);
    const end = new AbortController();
    const ended = new Promise<void>((resolve) => {
      const finish = (how: object, code: number | null) => {
        end.abort();
        this.#ended(how, code);
        resolve();
      };
      child.once('exit', (code, signal) => finish({ code, signal }, code));
      child.on('error', (err) => {
        // A program that cannot be started has no exit; other errors (a signal too late) change nothing.
        if (child.pid === undefined) finish({ err }, 1);
      });
    });
    this.#running = { process: child, startedAt: performance.now(), ended };
    if (whenReady) {
      whenReady(end.signal).then(
        () => this.#ready(),
        () => undefined,
      );
    } else {
      child.on('message', (message) => {
        if (saysReady(message)) this.#ready();
      });
    }
  }

  #ready(): void {
    this.#logger.debug({ child: this.name }, `${this.name} is ready`);
    this.#wasReady = true;
    this.#settle('ready');
  }

  #ended(how: object, code: number | null): void {
    const livedMs = performance.now() - (this.#running?.startedAt ?? 0);
    const pid = this.#running?.process.pid;
    this.#running = undefined;
    this.#spec.onEnded?.();
    if (this.#stopping) return;
    if (code === 1 && !this.#wasReady && this.#failures === 0) {
      this.#logger.debug({ child: this.name, ...how }, `${this.name} refused to start`);
      this.#settle('refused');
      return;
    }
    this.#failures = livedMs >= aliveMs ? 1 : this.#failures + 1;
    const inMs = ceilingMs(this.#failures - 1, 100, 2000);
    this.#logger.warn({ child: this.name, childPid: pid, ...how, inMs }, `${this.name} ended; restarting`);
    this.#restart = setTimeout(() => this.#spawn(), inMs);
  }
}

function saysReady(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'ready' in message && message.ready === true;
}
