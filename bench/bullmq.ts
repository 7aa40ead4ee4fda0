import { Queue } from 'bullmq';
import { z } from 'zod';
import { pause } from '../shared/runtime/service.js';
import { type TestRedis } from '../shared/testing/redis-server.js';
import { aborted, type Contestant } from './contestant.js';
import { inBatches, load } from './load.js';
import { WorkerProcess } from './worker-process.js';

/** A worker's message, at the end of every round and when a job fails. */
export const workerMessageSchema = z.union([
  z.object({ completed: z.int() }),
  z.object({ failed: z.string() }),
]);
export type WorkerMessage = z.infer<typeof workerMessageSchema>;

/** BullMQ's connections to the benchmark's Redis: over its unix socket, as Fencepost's are. */
export const connectionTo = (socket: string) => ({ path: socket, maxRetriesPerRequest: null });

/** `count` jobs of the load. */
export const jobs = (count: number) =>
  Array.from({ length: count }, () => ({ name: load.type, data: load.payload }));

const queueName = 'bench';
/** The round's own deadline comes first. */
const roundWithinMs = 600_000;

/** BullMQ as its manual runs it: jobs added in bulk, one worker; it keeps completed jobs, as Fencepost does. */
export class BullMq implements Contestant {
  readonly name = 'BullMQ';
  readonly #socket: string;
  readonly #commands: number;
  readonly #queue: Queue;
  #worker: WorkerProcess | undefined;
  #rounds = 0;

  /** @param commands per round */
  constructor(redis: TestRedis, commands: number) {
    this.#socket = redis.socket;
    this.#commands = commands;
    this.#queue = new Queue(queueName, { connection: connectionTo(redis.socket) });
    // A stopped Redis is reported by whatever call it fails.
    this.#queue.on('error', () => undefined);
  }

  async start(): Promise<void> {
    await this.#queue.waitUntilReady();
    this.#worker = await WorkerProcess.start([
      'dist/bench/bullmq-worker.js',
      this.#socket,
      queueName,
      String(this.#commands),
    ]);
  }

  async run(signal: AbortSignal): Promise<void> {
    if (!this.#worker) throw new Error('not started');
    this.#rounds++;
    const completed = this.#completed(this.#worker, this.#rounds * this.#commands);
    const submitted = inBatches(this.#commands, async (size) => {
      await this.#queue.addBulk(jobs(size));
    });
    await Promise.race([Promise.all([submitted, completed]), aborted(signal)]);
  }

  /**
   * The worker counts for itself. QueueEvents would read four stream entries per job in this process,
   * beside a run on the same few cores: BullMQ would be charged for being watched.
   */
  async #completed(worker: WorkerProcess, total: number): Promise<void> {
    const message = await worker.message((raw) => {
      const said = workerMessageSchema.safeParse(raw).data;
      return said !== undefined && ('failed' in said || said.completed === total);
    }, roundWithinMs);
    const said = workerMessageSchema.parse(message);
    if ('failed' in said) throw new Error(`a BullMQ job failed: ${said.failed}`);
  }

  async checkRest(): Promise<void> {
    const found = await this.#queue.getJobCounts('wait', 'active', 'failed', 'completed');
    const wanted = { wait: 0, active: 0, failed: 0, completed: this.#rounds * this.#commands };
    const differs = Object.entries(wanted).some(([state, count]) => found[state] !== count);
    if (differs) {
      throw new Error(`BullMQ is not at rest: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
    }
  }

  async stop(): Promise<void> {
    await this.#worker?.stop();
    // It waits for a Redis that Ctrl-C has ended too.
    await Promise.race([this.#queue.close(), pause(1000)]);
  }
}
