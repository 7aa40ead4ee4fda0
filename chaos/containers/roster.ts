import { z } from 'zod';
import { pause } from '../../shared/runtime/service.js';

const agentsSchema = z.object({ agents: z.array(z.object({ agentId: z.string(), host: z.string() })) });
const readEveryMs = 500;

/**
 * Which agents have run in which container. Not one for ever: two containers that start at once may take
 * each other's directory, and with it each other's name.
 */
export class Roster {
  readonly #serverUrl: string;
  readonly #present = new Map<string, string>();
  readonly #ever = new Map<string, Set<string>>();

  constructor(serverUrl: string) {
    this.#serverUrl = serverUrl;
  }

  get size(): number {
    return this.#present.size;
  }

  /** The agent in a container, as last heard. */
  agentAt(host: string): string | undefined {
    return this.#present.get(host);
  }

  /** All that have ever been there. */
  everAt(host: string): readonly string[] {
    return [...(this.#ever.get(host) ?? [])];
  }

  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      // While no server answers, it is as it was.
      await this.read().catch(() => undefined);
      await pause(readEveryMs, signal);
    }
  }

  async read(): Promise<void> {
    const answer = await fetch(new URL('/agents', this.#serverUrl), { signal: AbortSignal.timeout(2000) });
    for (const { agentId, host } of agentsSchema.parse(await answer.json()).agents) {
      this.#present.set(host, agentId);
      this.#ever.set(host, (this.#ever.get(host) ?? new Set()).add(agentId));
    }
  }
}
