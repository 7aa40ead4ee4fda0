import { type Redis } from 'ioredis';
import { partitionKeys } from '../shared/store/keys.js';
import { type TestRedis } from '../testing/redis-server.js';

interface Known {
  readonly status: string;
  readonly attempt: number;
  readonly movedMs: number;
}

interface Wait {
  readonly waiting: Set<string>;
  readonly done: (atMs: number) => void;
}

const keys = partitionKeys();
/** Whether it names a submission: the ids of its commands are not known before it is answered. */
export const isKey = (idOrKey: string) => idOrKey.startsWith('client-');

/** Stands in for a status that was never seen: the command had ended, and was pruned. */
const gone = 'GONE';

const isTerminal = (status: string) => status === 'COMPLETED' || status === 'FAILED' || status === gone;

/** How often hashes are read in case an event was lost with a connection. */
const rereadMs = 500;

/**
 * Follows what the commands of a round are doing, by Redis's own events and, after an outage, by their hashes.
 * It is the clock of the schedule: faults are due by how many commands have ended.
 */
export class Watch {
  /** COMPLETED and FAILED now. */
  ended = 0;
  readonly #redis: Redis;
  readonly #nowMs: () => number;
  readonly #onEnded: (ended: number) => void;
  readonly #known = new Map<string, Known>();
  /** Submissions that were answered, by their keys. */
  readonly #accepted = new Set<string>();
  readonly #waits = new Set<Wait>();
  #timer: NodeJS.Timeout | undefined;

  private constructor(redis: Redis, nowMs: () => number, onEnded: (ended: number) => void) {
    this.#redis = redis;
    this.#nowMs = nowMs;
    this.#onEnded = onEnded;
  }

  static async open(
    redis: Pick<TestRedis, 'client'>,
    nowMs: () => number,
    onEnded: (ended: number) => void = () => undefined,
  ): Promise<Watch> {
    const options = { retryStrategy: () => 20, maxRetriesPerRequest: null } as const;
    const watch = new Watch(redis.client(options), nowMs, onEnded);
    const subscriber = redis.client(options);
    subscriber.on('message', (_channel, message: string) => watch.#hear(message));
    await subscriber.subscribe(keys.events);
    watch.#timer = setInterval(() => void watch.#reread(), rereadMs);
    return watch;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /**
   * Whether it is a command that has not ended, or a submission that has not been answered; false for what is
   * neither.
   */
  isOpen(idOrKey: string): boolean {
    if (isKey(idOrKey)) return !this.#accepted.has(idOrKey);
    return this.#known.has(idOrKey) && !this.hasEnded(idOrKey);
  }

  /** Whether a command has a terminal status, or a submission was answered. */
  hasEnded(idOrKey: string): boolean {
    return this.#accepted.has(idOrKey) || isTerminal(this.#known.get(idOrKey)?.status ?? '');
  }

  accepted(key: string): void {
    this.#accepted.add(key);
    this.#moved(key);
  }

  /**
   * Records an acceptance that a client received: events may be lost with a connection, and count once, however
   * they come.
   */
  sawAccepted(id: string): void {
    if (!this.#known.has(id)) this.#known.set(id, { status: 'PENDING', attempt: 0, movedMs: this.#nowMs() });
  }

  sawEnded(id: string, status: string, attempt: number): void {
    if (!this.hasEnded(id)) this.#learn(id, { status, attempt, movedMs: this.#nowMs() });
  }

  /** Records that a command that was accepted is there no more. */
  sawGone(id: string): void {
    this.sawEnded(id, gone, 0);
  }

  #moved(idOrKey: string): void {
    for (const wait of this.#waits) {
      if (wait.waiting.delete(idOrKey) && wait.waiting.size === 0) {
        this.#waits.delete(wait);
        wait.done(this.#nowMs());
      }
    }
  }

  /** Resolves, with the time, when each of them has ended, was requeued, or was started anew. */
  whenMoved(idsOrKeys: readonly string[]): Promise<number> {
    const waiting = new Set(idsOrKeys.filter((id) => this.isOpen(id)));
    if (waiting.size === 0) return Promise.resolve(this.#nowMs());
    return new Promise((done) => this.#waits.add({ waiting, done }));
  }

  #hear(message: string): void {
    for (const line of message.split('\n')) {
      const [id = '', status = '', attempt = '', progress] = line.split(' ');
      // An attempt that reports progress has not moved on.
      if (progress !== undefined) continue;
      this.#learn(id, { status, attempt: Number(attempt), movedMs: this.#nowMs() });
    }
  }

  #learn(id: string, now: Known): void {
    const before = this.#known.get(id);
    this.#known.set(id, now);
    // An operator's retry: it will end once more.
    if (before && isTerminal(before.status) && !isTerminal(now.status)) this.ended--;
    if (isTerminal(now.status) && !isTerminal(before?.status ?? '')) {
      this.ended++;
      this.#onEnded(this.ended);
    }
    this.#moved(id);
  }

  /** Reads the commands that are waited for, and those that were open when last seen. */
  async #reread(): Promise<void> {
    const asked = new Set([...this.#waits].flatMap(({ waiting }) => [...waiting]));
    for (const [id, { status, movedMs }] of this.#known) {
      if (!isTerminal(status) && this.#nowMs() - movedMs > 2 * rereadMs) asked.add(id);
    }
    const read = [...asked].map(async (id) => {
      const [status, attempt] = await this.#redis.hmget(keys.command(id), 'status', 'attempt');
      const before = this.#known.get(id);
      if (!before) return;
      if (!status) return this.sawGone(id);
      const now = { status, attempt: Number(attempt ?? 0), movedMs: this.#nowMs() };
      if (now.status !== before.status || now.attempt !== before.attempt) this.#learn(id, now);
    });
    await Promise.all(read).catch(() => undefined);
  }
}
