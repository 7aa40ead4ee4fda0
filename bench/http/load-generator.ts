import { untilReady } from '../../testing/deployment.js';
import { startProcess, type TestProcess } from '../../testing/processes.js';
import { unlessAborted } from '../contestant.js';
import { type Done, doneSchema, type Order } from './orders.js';

/** Hundreds of times what an order takes: something is broken then. */
const longestMs = 120_000;

/** The process that makes the requests. */
export class LoadGenerator {
  readonly #process: TestProcess;
  #orders = 0;

  private constructor(process: TestProcess) {
    this.#process = process;
  }

  static async start(): Promise<LoadGenerator> {
    const process = startProcess(['dist/bench/http/generator-main.js'], { ipc: true });
    await untilReady(process);
    return new LoadGenerator(process);
  }

  /** @returns the ms from the first request to the last answer. @throws when one is answered by anything but 202 */
  async run(order: Omit<Order, 'number'>, signal: AbortSignal): Promise<number> {
    const number = ++this.#orders;
    this.#process.send({ ...order, number } satisfies Order);
    const isIt = (message: unknown) => doneSchema.safeParse(message).data?.number === number;
    const message = this.#process.waitForMessage(isIt, { timeoutMs: longestMs });
    const done: Done = doneSchema.parse(await unlessAborted(signal, message));
    if ('failed' in done) throw new Error(done.failed);
    return done.ms;
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#process.exited;
  }
}
