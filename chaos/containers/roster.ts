import { type Client, createClient } from '../../shared/client/client.js';
import { pause } from '../../shared/runtime/service.js';

const readEveryMs = 500;

/**
 * Records which agents have run in which container. The mapping is not permanent: two containers that start at
 * once may take each other's directory, and with it each other's name.
 */
export class Roster {
  readonly #client: Client;
  readonly #present = new Map<string, string>();
  readonly #ever = new Map<string, Set<string>>();

  constructor(serverUrl: string) {
    // The client does not retry: a read without an answer is repeated at the next interval.
    this.#client = createClient({ url: serverUrl, timeoutMs: 2000, retryForMs: 0 });
  }

  get size(): number {
    return this.#present.size;
  }

  /** The agent in a container, as last read. */
  agentAt(host: string): string | undefined {
    return this.#present.get(host);
  }

  /** Whether commands of this type are accepted. */
  async knows(type: string): Promise<boolean> {
    return (await this.#client.types()).some((known) => known.type === type);
  }

  /** All that have ever been there. */
  everAt(host: string): readonly string[] {
    return [...(this.#ever.get(host) ?? [])];
  }

  /** Reads repeatedly until `signal` is aborted, and then closes the client. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // While no server answers, the last reading stays valid.
      await this.read().catch(() => undefined);
      await pause(readEveryMs, signal);
    }
    await this.#client.close();
  }

  async read(): Promise<void> {
    for (const { agentId, host } of await this.#client.agents()) {
      this.#present.set(host, agentId);
      this.#ever.set(host, (this.#ever.get(host) ?? new Set()).add(agentId));
    }
  }
}
