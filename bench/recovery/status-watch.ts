import { type Redis } from 'ioredis';
import { type Status } from '../../shared/protocol/commands.js';
import { partitionKeys } from '../../shared/store/keys.js';

interface Wait {
  readonly status: Status;
  readonly left: Set<string>;
  readonly done: (atMs: number) => void;
}

/** Waits for commands to reach a status, as Fencepost's channel reports it: `<id> <status> <attempt>` a line. */
export class StatusWatch {
  readonly #waits = new Set<Wait>();

  private constructor(subscriber: Redis) {
    subscriber.on('message', (_channel: string, message: string) => this.#hear(message));
  }

  static async open(subscriber: Redis): Promise<StatusWatch> {
    const watch = new StatusWatch(subscriber);
    await subscriber.subscribe(partitionKeys().events);
    return watch;
  }

  /** @returns when the last of them reached that status, from now on */
  reached(ids: readonly string[], status: Status): Promise<number> {
    return new Promise((done) => this.#waits.add({ status, left: new Set(ids), done }));
  }

  #hear(message: string): void {
    const atMs = Date.now();
    for (const line of message.split('\n')) {
      const [id = '', status] = line.split(' ');
      for (const wait of this.#waits) {
        if (wait.status !== status || !wait.left.delete(id) || wait.left.size > 0) continue;
        this.#waits.delete(wait);
        wait.done(atMs);
      }
    }
  }
}
