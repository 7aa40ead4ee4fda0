import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Service } from '../../shared/runtime/service.js';
import { messageOf } from '../../shared/runtime/thrown.js';
import { nativePatterns } from './native-patterns.js';
import {
  checkMs,
  type CheckReply,
  type CheckRequest,
  compileMs,
  type SchemaThreadData,
} from './schema-protocol.js';

/** Backstop for a thread that cannot be ended by itself; it looks at its own time, so this is never short. */
const longestWallMs = 10_000;
/** Requests that wait for the thread. */
const mostWaiting = 200;

export type CheckedPayloads =
  | CheckReply
  | { readonly word: 'busy' }
  /** The machine has no thread left, for instance. */
  | { readonly word: 'no-thread'; readonly why: string };

interface Waiting {
  readonly request: CheckRequest;
  readonly answered: (reply: CheckedPayloads) => void;
}

/**
 * Applies schemas whose cost agents and clients choose, in a thread of its own, which is given 50 ms of CPU for
 * each request. The thread that answers requests never runs such a schema, so only the requests that use one pay
 * for it, and no others wait for them.
 *
 * The thread is started when it is first needed. When it dies, or does not end what it has begun, the
 * request that it was busy with is cut off, and the next one gets a new thread.
 */
export class SchemaChecker implements Service {
  readonly #file: string;
  readonly #waiting: Waiting[] = [];
  #worker: Worker | undefined;
  #current: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  /** @param file what the thread runs */
  constructor(file = threadFile()) {
    this.#file = file;
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    // Before the thread is ended: else the next one would begin a new thread.
    for (const { answered } of this.#waiting.splice(0)) answered({ word: 'busy' });
    await this.#end({ word: 'busy' });
  }

  /** @returns what is wrong with the payloads of one request */
  check({ schemas, payloads }: Pick<CheckRequest, 'schemas' | 'payloads'>): Promise<CheckedPayloads> {
    if (this.#isStopped || this.#waiting.length >= mostWaiting) return Promise.resolve({ word: 'busy' });
    return new Promise((answered) => {
      this.#waiting.push({ request: { schemas, payloads, compileMs, checkMs }, answered });
      this.#next();
    });
  }

  #next(): void {
    if (this.#current) return;
    this.#current = this.#waiting.shift();
    if (!this.#current) return;
    try {
      this.#worker ??= this.#begin();
    } catch (error) {
      // The next request may get a thread.
      return this.#answer({ word: 'no-thread', why: messageOf(error) });
    }
    // Only while there is something to wait for does it keep the process alive.
    this.#worker.ref();
    this.#timer = setTimeout(() => void this.#end({ word: 'cut', what: 'check' }), longestWallMs);
    this.#worker.postMessage(this.#current.request);
  }

  #begin(): Worker {
    const workerData: SchemaThreadData = { nativePatterns };
    const resourceLimits = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 32 };
    const worker = new Worker(this.#file, { workerData, resourceLimits });
    worker.on('message', (reply: CheckReply) => {
      // A reply from a thread that is being ended no longer counts: its request is answered when it is gone.
      if (this.#worker === worker) this.#settle(worker, reply);
    });
    // Out of memory, as a rule; its end follows.
    worker.on('error', () => undefined);
    worker.once('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = undefined;
      this.#settle(worker, { word: 'cut', what: 'check' });
    });
    return worker;
  }

  #settle(worker: Worker, reply: CheckedPayloads): void {
    if (!this.#current) return;
    clearTimeout(this.#timer);
    worker.unref();
    this.#answer(reply);
  }

  /** Answers the request that is under way, and begins with the next one. */
  #answer(reply: CheckedPayloads): void {
    const current = this.#current;
    this.#current = undefined;
    current?.answered(reply);
    this.#next();
  }

  /** Ends the thread, and what it is busy with. */
  async #end(reply: CheckedPayloads): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    if (!worker) return;
    await worker.terminate();
    this.#settle(worker, reply);
  }
}

/** Tests run the sources: then it is what the build made of them. */
function threadFile(): string {
  const beside = join(__dirname, 'schema-thread.js');
  return existsSync(beside) ? beside : join(__dirname, '../../dist/server/types/schema-thread.js');
}
