import { Queue } from 'bullmq';
import { pause } from '../shared/runtime/service.js';
import { type TestRedis } from '../testing/redis-server.js';
import { checkFound, type Contestant } from './contestant.js';
import { load } from './load.js';
import { WorkerProcess } from './worker-process.js';

/** BullMQ's connections to the benchmark's Redis: over its unix socket, as Fencepost's are. */
export const connectionTo = (socket: string) => ({ path: socket, maxRetriesPerRequest: null });

/** Ends BullMQ's connections. They would wait for ever for a Redis that Ctrl-C has ended too. */
export async function closeBullMq(...connected: readonly { close(): Promise<void> }[]): Promise<void> {
  const over = new AbortController();
  const closed = Promise.all(connected.map((one) => one.close()));
  await Promise.race([closed, pause(1000, over.signal)]);
  over.abort();
}

/** `count` jobs of the load. */
export const jobs = (count: number) =>
  Array.from({ length: count }, () => ({ name: load.type, data: load.payload }));

/** BullMQ as its manual runs it: one producer, one worker; it keeps completed jobs, as Fencepost does. */
export class BullMq implements Contestant {
  readonly name = 'BullMQ';
  readonly queueName = 'bench';
  readonly #socket: string;
  readonly #concurrency: number;
  readonly #queue: Queue;
  #worker: WorkerProcess | undefined;
  #submitted = 0;

  constructor(redis: TestRedis, concurrency: number = load.concurrency) {
    this.#socket = redis.socket;
    this.#concurrency = concurrency;
    this.#queue = new Queue(this.queueName, { connection: connectionTo(redis.socket) });
    // A stopped Redis is reported by whatever call it fails.
    this.#queue.on('error', () => undefined);
  }

  async start(): Promise<void> {
    this.#worker = await WorkerProcess.start([
      'dist/bench/bullmq-worker.js',
      this.#socket,
      this.queueName,
      String(this.#concurrency),
    ]);
  }

  async submit(count: number): Promise<void> {
    this.#submitted += count;
    if (count === 1) await this.#queue.add(load.type, load.payload);
    else await this.#queue.addBulk(jobs(count));
  }

  /** One job under an id of the caller's choice. */
  async submitAs(jobId: string): Promise<void> {
    this.#submitted++;
    await this.#queue.add(load.type, load.payload, { jobId });
  }

  async completed(): Promise<number> {
    const { completed = 0, failed = 0 } = await this.#queue.getJobCounts('completed', 'failed');
    if (failed > 0) throw new Error(`BullMQ: ${failed} jobs failed`);
    return completed;
  }

  /** The id of the process that executes; undefined before it was started. */
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
    const { wait, active, completed } = await this.#queue.getJobCounts('wait', 'active', 'completed');
    const wanted = { wait: waiting, active: 0, completed: this.#submitted - waiting };
    checkFound(this.name, { wait, active, completed }, wanted);
  }

  async stop(): Promise<void> {
    await this.#worker?.stop();
    await closeBullMq(this.#queue);
  }
}
