import { pause } from '../../shared/runtime/service.js';
import { type ContainerFaultKind } from '../record.js';
import { type Message, type Reply, replySchema } from './messages.js';

/** The recipient of the fault reports. */
export interface Teller {
  /** @throws Error when the report is not received: then the run is worth nothing, and nothing more may be hurt */
  tell(message: Message): Promise<Reply>;
  /** Asks whether the run is over. */
  ask(): Promise<Reply>;
}

/** Reports faults to the service `load`. */
export class LoadTeller implements Teller {
  readonly #url: string;
  readonly #kinds: readonly ContainerFaultKind[];

  constructor(url: string, kinds: readonly ContainerFaultKind[]) {
    this.#url = url;
    this.#kinds = kinds;
  }

  async tell(message: Message): Promise<Reply> {
    const answer = await fetch(this.#url, { method: 'POST', body: JSON.stringify(message) });
    if (!answer.ok) throw new Error(`${this.#url} refused the message: ${await answer.text()}`);
    return replySchema.parse(await answer.json());
  }

  ask(): Promise<Reply> {
    return this.tell({ says: 'present', kinds: [...this.#kinds] });
  }

  /** Resolves when the load runs: until then it does not listen. @returns undefined if it was aborted */
  async present(signal: AbortSignal): Promise<Reply | undefined> {
    while (!signal.aborted) {
      const reply = await this.ask().catch(() => undefined);
      if (reply) return reply;
      await pause(500, signal);
    }
    return undefined;
  }
}

/** For a run without a history checker: an operator watches it, and stops it by hand. */
export class NoTeller implements Teller {
  readonly #reply: Reply;

  constructor(seed: number) {
    this.#reply = { over: false, seed };
  }

  tell(): Promise<Reply> {
    return Promise.resolve(this.#reply);
  }

  ask(): Promise<Reply> {
    return this.tell();
  }
}
