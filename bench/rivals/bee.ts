import { errorCode } from '../../shared/runtime/error-code.js';
import { type TestRedis } from '../../testing/redis-server.js';
import { checkFound, type Contestant } from '../contestant.js';
import { load } from '../load.js';
import { WorkerProcess } from '../worker-process.js';

/** The part of Bee-Queue 2 that is used here. */
export interface BeeJobs {
  on(event: 'error', listener: () => void): void;
  ready(): Promise<unknown>;
  createJob(data: object): object;
  /** @returns the errors of those that were not saved */
  saveAll(jobs: readonly object[]): Promise<ReadonlyMap<object, Error>>;
  process(concurrency: number, handler: () => Promise<unknown>): void;
  checkHealth(): Promise<Readonly<Record<'waiting' | 'active' | 'succeeded' | 'failed', number>>>;
  close(timeoutMs: number): Promise<void>;
}

export const beePackage = 'bee-queue';
export const beeVersion = '2.0.0';

/**
 * Opens a queue of Bee-Queue. That brings 84 packages, which nothing else here needs, so a clone does not install it.
 *
 * @returns undefined where it is not installed
 */
export async function openBee(socket: string, isWorker: boolean): Promise<BeeJobs | undefined> {
  try {
    const { default: Queue } = (await import(beePackage)) as {
      default: new (name: string, settings: object) => BeeJobs;
    };
    const queue = new Queue('bench', beeSettings(socket, isWorker));
    // A stopped Redis is reported by whatever call it fails.
    queue.on('error', () => undefined);
    return queue;
  } catch (error) {
    if (['ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

/** Jobs that are completed stay, as with the others; no client listens to events. */
const beeSettings = (socket: string, isWorker: boolean) => ({
  redis: { path: socket },
  isWorker,
  getEvents: false,
  sendEvents: false,
  storeJobs: false,
  activateDelayedJobs: false,
  removeOnSuccess: false,
});

/** Bee-Queue as its manual runs it: one producer, one worker. */
export class BeeQueue implements Contestant {
  readonly name = 'Bee-Queue';
  readonly #socket: string;
  readonly #queue: BeeJobs;
  #worker: WorkerProcess | undefined;
  #submitted = 0;

  private constructor(socket: string, queue: BeeJobs) {
    this.#socket = socket;
    this.#queue = queue;
  }

  /** @returns undefined where it is not installed */
  static async open(redis: TestRedis): Promise<BeeQueue | undefined> {
    const queue = await openBee(redis.socket, false);
    return queue && new BeeQueue(redis.socket, queue);
  }

  async start(): Promise<void> {
    this.#worker = await WorkerProcess.start([
      'dist/bench/rivals/bee-worker.js',
      this.#socket,
      String(load.concurrency),
    ]);
  }

  async submit(count: number): Promise<void> {
    this.#submitted += count;
    const jobs = Array.from({ length: count }, () => this.#queue.createJob(load.payload));
    const [failed] = (await this.#queue.saveAll(jobs)).values();
    if (failed) throw failed;
  }

  async completed(): Promise<number> {
    const { succeeded, failed } = await this.#queue.checkHealth();
    if (failed > 0) throw new Error(`Bee-Queue: ${failed} jobs failed`);
    return succeeded;
  }

  get workerPid(): number | undefined {
    return this.#worker?.pid;
  }

  freeze(): void {
    this.#worker?.freeze();
  }

  thaw(): void {
    this.#worker?.thaw();
  }

  died(): Promise<never> {
    return this.#worker?.died() ?? new Promise(() => undefined);
  }

  async checkRest(waiting = 0): Promise<void> {
    const found = await this.#queue.checkHealth();
    const wanted = { waiting, active: 0, succeeded: this.#submitted - waiting };
    checkFound(
      this.name,
      { waiting: found.waiting, active: found.active, succeeded: found.succeeded },
      wanted,
    );
  }

  async stop(): Promise<void> {
    await this.#worker?.stop();
    await this.#queue.close(1000).catch(() => undefined);
  }
}
