import { type Client, createClient } from '../../shared/client/client.js';
import { pause } from '../../shared/runtime/service.js';

const readEveryMs = 500;

/**
 * Which agents have run in which container. Not one for ever: two containers that start at once may take
 * each other's directory, and with it each other's name.
 */
export class Roster {
  readonly #client: Client;
  readonly #present = new Map<string, string>();
  readonly #ever = new Map<string, Set<string>>();

  constructor(serverUrl: string) {
    // What is not answered is asked again in its turn.
    this.#client = createClient({ url: serverUrl, timeoutMs: 2000, retryForMs: 0 });
  }

  get size(): number {
    return this.#present.size;
  }

  /** The agent in a container, as last heard. */
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

  /** Reads again and again until it is told to stop, which is its end. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // While no server answers, it is as it was.
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
