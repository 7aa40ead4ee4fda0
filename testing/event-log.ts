import { type Redis } from 'ioredis';
import { partitionKeys } from '../shared/store/keys.js';
import { type TestRedis } from './redis-server.js';

const channel = partitionKeys().events;
const end = 'end of what was published so far';

/** Records what the scripts publish: one message per call, each with a line per transition. */
export class EventLog {
  readonly #publisher: Redis;
  #messages: string[] = [];
  #onEnd: (() => void) | undefined;

  private constructor(publisher: Redis) {
    this.#publisher = publisher;
  }

  /** Listens until the server's `stop()`. */
  static async open(server: TestRedis): Promise<EventLog> {
    const log = new EventLog(server.client());
    const subscriber = server.client();
    subscriber.on('message', (_channel, message: string) => {
      if (message === end) log.#onEnd?.();
      else log.#messages.push(message);
    });
    await subscriber.subscribe(channel);
    return log;
  }

  /** The lines of each message since the last call, in order. */
  async take(): Promise<string[][]> {
    // Redis delivers in the order of publication: behind this one, nothing is missing.
    const ended = new Promise<void>((resolve) => (this.#onEnd = resolve));
    await this.#publisher.publish(channel, end);
    await ended;
    const messages = this.#messages;
    this.#messages = [];
    return messages.map((message) => message.split('\n'));
  }
}
