import cluster, { type Worker } from 'node:cluster';
import { backoffMs } from '../../shared/runtime/backoff.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { isAborted, pause } from '../../shared/runtime/service.js';
import { KeptFigures } from './kept-figures.js';
import { type Figures, isOfKind, readyUrl, type ToPool, type ToWorker } from './worker-messages.js';

export interface WorkerPoolOptions {
  /** The program of a worker: the one that made this pool. */
  readonly program: string;
  readonly workers: number;
  /** How long a worker may take to stop: less than what started this process gives it. */
  readonly graceMs: number;
  readonly logger: Logger;
}

/** How long a worker may take to send its figures: a busy one is counted with the figures that it sent last. */
const measureMs = 1000;

/** The first worker ended before it was ready: it logged why, unless a signal ended it. */
export class WorkerCannotStart extends Error {
  override readonly name = 'WorkerCannotStart';
  readonly signal: string | null;

  constructor(signal: string | null) {
    super(`a worker was ended by ${signal ?? 'itself'} before it was ready`);
    this.signal = signal;
  }
}

/**
 * The processes of a server that share its port: each is a whole server, and connections go to them in turn. Servers
 * hold nothing that matters, so any number may work side by side, and one that dies is replaced.
 *
 * When this process dies, Node ends its workers, but for one whose event loop is blocked: as soon as that goes on.
 */
export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #stopping = new AbortController();
  /** The workers that reported that they are ready. */
  readonly #ready = new Set<Worker>();
  readonly #figures = new KeptFigures<Worker>();
  readonly #measurements = new Map<number, (figures: Figures) => void>();
  #measured = 0;
  /** The number of workers in a row that ended before they were ready. */
  #failures = 0;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    // Advanced: figures may be no numbers, which JSON does not have.
    cluster.setupPrimary({
      exec: options.program,
      args: process.argv.slice(2),
      serialization: 'advanced',
    });
    cluster.on('message', (worker, message) => this.#hear(worker, message));
    cluster.on('exit', (worker) => {
      this.#ready.delete(worker);
      this.#figures.end(worker);
    });
  }

  /**
   * Starts the first worker alone, so that what keeps a server from starting is logged once, then the others. Resolves
   * when each of them is ready, or has ended and is being replaced.
   *
   * @returns where to reach them
   * @throws WorkerCannotStart when the first one ended before it was ready
   */
  async start(): Promise<string> {
    const url = await this.#startOne();
    if (this.isStopping()) return url;
    cluster.on('exit', (worker, code, signal) => {
      if (this.isStopping()) return;
      this.#options.logger.error(
        { worker: worker.process.pid, code, signal },
        'a worker ended by itself; another one takes its place',
      );
      void this.#replace();
    });
    const others = Array.from({ length: this.#options.workers - 1 }, () => this.#startOne());
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

  /** @throws WorkerCannotStart, and what the system refuses a new process with */
  async #startOne(): Promise<string> {
    const worker = cluster.fork();
    const url = await new Promise<string>((resolve, reject) => {
      worker.on('message', (message: unknown) => {
        const said = readyUrl(message);
        if (said !== undefined) resolve(said);
      });
      worker.once('exit', (_code, signal) => reject(new WorkerCannotStart(signal)));
      // The channel of a ready worker that broke shows in the worker's end, too.
      worker.on('error', reject);
    });
    this.#ready.add(worker);
    this.#failures = 0;
    return url;
  }

  /** The first try is at once; one that ends before it is ready comes here again by its end. */
  async #replace(): Promise<void> {
    for (;;) {
      const { signal } = this.#stopping;
      if (this.#failures > 0) await pause(backoffMs(this.#failures, { firstMs: 100, maxMs: 5000 }), signal);
      if (isAborted(signal)) return;
      this.#failures++;
      try {
        await this.#startOne();
        return;
      } catch (error) {
        if (error instanceof WorkerCannotStart) return;
        this.#options.logger.error({ err: error }, 'no worker can be started; retrying');
      }
    }
  }

  async #end(worker: Worker): Promise<void> {
    const ended = new Promise<false>((resolve) => worker.once('exit', () => resolve(false)));
    send(worker, { kind: 'stop' });
    const over = new AbortController();
    const isLate = await Promise.race([ended, pause(this.#options.graceMs, over.signal).then(() => true)]);
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
    await Promise.all([...this.#ready].map((worker) => this.#measure(worker)));
    return this.#figures.all();
  }

  async #measure(worker: Worker): Promise<void> {
    const request = ++this.#measured;
    const over = new AbortController();
    const answer = new Promise<Figures>((resolve) => {
      this.#measurements.set(request, resolve);
      send(worker, { kind: 'measure', request });
    });
    const figures = await Promise.race([answer, pause(measureMs, over.signal).then(() => undefined)]);
    over.abort();
    this.#measurements.delete(request);
    // A worker that ended meanwhile is counted among the ended ones.
    if (figures && this.#ready.has(worker)) this.#figures.note(worker, figures);
  }
}

const living = () =>
  Object.values(cluster.workers ?? {}).filter((worker) => worker?.isDead() === false) as Worker[];

function send(worker: Worker, message: ToWorker): void {
  // One that dies at this moment is noticed by its end.
  if (worker.isConnected()) worker.send(message, undefined, undefined, () => undefined);
}
