import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { backoffMs } from '../../shared/runtime/backoff.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { isAborted, pause } from '../../shared/runtime/service.js';
import { type Figures, isOfKind, readyUrl, type ToPool, type ToWorker } from './worker-messages.js';

export interface WorkerPoolOptions {
  /** The program of a worker: the one that made this pool. */
  readonly program: string;
  readonly workers: number;
  /** How long a worker may take to stop. */
  readonly graceMs: number;
  readonly logger: Logger;
}

/** How long a worker may take to say its figures: one that is busy is left out of them. */
const measureMs = 1000;

/** A worker ended before it was ready, and said why. */
export class WorkerCannotStart extends Error {
  override readonly name = 'WorkerCannotStart';
}

/**
 * The processes of a server that share its port: each is a whole server, and connections go to them in turn. Servers hold
 * nothing that matters, so any number may work side by side, and one that dies is replaced.
 *
 * When this process dies, Node ends its workers.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #stopping = new AbortController();
  readonly #measurements = new Map<number, (figures: Figures) => void>();
  #measured = 0;
  /** In a row that ended before they were ready. */
  #failures = 0;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    // Advanced: figures may be no numbers, which JSON does not have.
    cluster.setupPrimary({ exec: options.program, args: process.argv.slice(2), serialization: 'advanced' });
    cluster.on('message', (worker, message) => this.#hear(worker, message));
  }

  /**
   * Resolves when all workers do their work: the first one alone, so that what keeps a server from starting is said once.
   *
   * @returns where to reach them
   * @throws WorkerCannotStart when the first one ended before it was ready
   */
  async start(): Promise<string> {
    const url = await this.#startOne();
    if (this.isStopping()) return url;
    cluster.on('exit', (worker, code, signal) => void this.#replace(worker, code, signal));
    const others = Array.from({ length: this.#options.workers - 1 }, () => this.#startOne());
    // One of them that ends before it is ready is replaced like any other.
    await Promise.allSettled(others);
    return url;
  }

  isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Resolves when all workers have ended, each in good order or after its grace period. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(living().map((worker) => this.#end(worker)));
  }

  async #startOne(): Promise<string> {
    const worker = cluster.fork();
    const over = new AbortController();
    const ready = new Promise<string>((resolve) => {
      worker.on('message', (message: unknown) => {
        const url = readyUrl(message);
        if (url !== undefined) resolve(url);
      });
    });
    const { signal } = over;
    const ended = once(worker, 'exit', { signal }).then(() => {
      throw new WorkerCannotStart('a worker ended before it was ready');
    });
    try {
      const url = await Promise.race([ready, ended]);
      this.#failures = 0;
      return url;
    } finally {
      over.abort();
      ended.catch(() => undefined);
    }
  }

  async #replace(worker: Worker, code: number, by: string | null): Promise<void> {
    if (this.isStopping()) return;
    const { logger } = this.#options;
    logger.error(
      { worker: worker.process.pid, code, signal: by },
      'a worker ended by itself; another one takes its place',
    );
    // The first at once.
    if (this.#failures > 0)
      await pause(backoffMs(this.#failures, { firstMs: 100, maxMs: 5000 }), this.#stopping.signal);
    if (isAborted(this.#stopping.signal)) return;
    this.#failures++;
    // One that ends before it is ready comes here again.
    await this.#startOne().catch(() => undefined);
  }

  async #end(worker: Worker): Promise<void> {
    const ended = once(worker, 'exit');
    send(worker, { kind: 'stop' });
    const over = new AbortController();
    const isLate = await Promise.race([
      ended.then(() => false),
      pause(this.#options.graceMs, over.signal).then(() => true),
    ]);
    over.abort();
    if (!isLate) return;
    this.#options.logger.warn({ worker: worker.process.pid }, 'a worker does not stop, and is killed');
    worker.process.kill('SIGKILL');
    await ended;
  }

  #hear(worker: Worker, message: unknown): void {
    if (!isOfKind<ToPool>(message, ['measure all', 'measured'])) return;
    if (message.kind === 'measured') return this.#measurements.get(message.request)?.(message.figures);
    void this.#measureAll().then((figures) =>
      send(worker, { kind: 'measured all', request: message.request, figures }),
    );
  }

  async #measureAll(): Promise<readonly Figures[]> {
    const figures = await Promise.all(living().map((worker) => this.#measure(worker)));
    return figures.filter((one) => one !== undefined);
  }

  async #measure(worker: Worker): Promise<Figures | undefined> {
    const request = ++this.#measured;
    const over = new AbortController();
    try {
      return await Promise.race([
        new Promise<Figures>((resolve) => {
          this.#measurements.set(request, resolve);
          send(worker, { kind: 'measure', request });
        }),
        pause(measureMs, over.signal).then(() => undefined),
      ]);
    } finally {
      over.abort();
      this.#measurements.delete(request);
    }
  }
}

const living = () =>
  Object.values(cluster.workers ?? {}).filter(
    (worker) => worker !== undefined && !worker.isDead(),
  ) as Worker[];

function send(worker: Worker, message: ToWorker): void {
  // One that dies at this moment is noticed by its end.
  if (worker.isConnected()) worker.send(message, undefined, undefined, () => undefined);
}
