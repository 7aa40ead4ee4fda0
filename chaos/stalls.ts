import { pause } from '../shared/runtime/service.js';
import { type ServerActor } from './actor.js';

/** A time in which the machine, and not a fault, kept a process waiting. By the wall clock. */
export interface Stall {
  readonly what: string;
  readonly fromMs: number;
  readonly toMs: number;
}

const tickMs = 50;

/**
 * Notices when the machine is too busy for the lease: a timer of this process is late, or a server that no
 * fault has hit takes long to answer its health check. An agent that cannot renew in time gives up retriable
 * attempts, which is right, and no fault explains it.
 */
export class StallWatch {
  readonly stalls: Stall[] = [];
  readonly #leaseMs: number;
  readonly #over = new AbortController();
  readonly #timer: NodeJS.Timeout;
  #tickedMs = Date.now();

  constructor(servers: readonly ServerActor[], leaseMs: number) {
    this.#leaseMs = leaseMs;
    this.#timer = setInterval(() => this.#tick(), tickMs);
    for (const server of servers) void this.#ask(server);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#over.abort();
  }

  /** A call to a server is given up after a sixth of a lease: half of that is slow. */
  get #slowMs(): number {
    return this.#leaseMs / 12;
  }

  #tick(): void {
    const now = Date.now();
    const late = now - this.#tickedMs - tickMs;
    if (late > this.#slowMs) this.#add('the harness was not given the processor', this.#tickedMs);
    this.#tickedMs = now;
  }

  async #ask(server: ServerActor): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await pause(this.#leaseMs / 8, signal);
      if (!isWell(server)) continue;
      const asked = Date.now();
      const { process } = server;
      const isOk = await fetch(`${server.url}/health`, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(5000)]),
      })
        .then((answer) => answer.ok)
        .catch(() => false);
      // Frozen or killed meanwhile: then a fault explains it.
      if (!isOk || !isWell(server) || server.process !== process) continue;
      if (Date.now() - asked > this.#slowMs) this.#add(`${server.name} was slow`, asked);
    }
  }

  #add(what: string, fromMs: number): void {
    this.stalls.push({ what, fromMs, toMs: Date.now() });
  }
}

const isWell = ({ running, taken }: ServerActor) => running && !taken;
