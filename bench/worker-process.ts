import { startProcess, type TestProcess } from '../testing/processes.js';
import { pause } from '../shared/runtime/service.js';

/** How long a worker with nothing to do may take to stop in good order. */
const stopWithinMs = 5000;

const isReady = (message: unknown) => typeof message === 'object' && message !== null && 'ready' in message;

/** The process that executes for a contestant. When this one dies, it ends by itself: its IPC channel closes. */
export class WorkerProcess {
  readonly #process: TestProcess;

  private constructor(process: TestProcess) {
    this.#process = process;
  }

  /** Resolves when the program has reported over IPC that it is ready. */
  static async start(
    args: readonly [script: string, ...rest: string[]],
    env: Readonly<Record<string, string | undefined>> = {},
  ): Promise<WorkerProcess> {
    const process = startProcess(args, { env, ipc: true });
    try {
      await process.waitForMessage(isReady);
    } catch (error) {
      process.kill('SIGKILL');
      await process.exited;
      throw error;
    }
    return new WorkerProcess(process);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** SIGSTOP, until `thaw`. */
  freeze(): void {
    this.#process.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process.kill('SIGCONT');
  }

  /** Rejects when the process ends, and never resolves: to be raced with what it is to do. */
  async died(): Promise<never> {
    const { code, signal } = await this.#process.exited;
    throw new Error(`the worker process ended (${code ?? signal}):\n${this.#process.output.slice(-4000)}`);
  }

  async stop(): Promise<void> {
    const { exited } = this.#process;
    this.#process.kill('SIGTERM');
    // A frozen process would end only when it is resumed.
    this.thaw();
    const inTime = new AbortController();
    const killed = pause(stopWithinMs, inTime.signal).then(() => {
      if (!inTime.signal.aborted) this.#process.kill('SIGKILL');
    });
    await exited;
    inTime.abort();
    await killed;
  }
}
