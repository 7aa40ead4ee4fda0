import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { type FaultLog, type OpenFault } from '../fault-log.js';
import { containerFaultKinds, type ContainerFaultKind } from '../record.js';
import { type Message, messageSchema, type Reply } from './messages.js';

export interface ListenerOptions {
  readonly faults: Pick<FaultLog, 'begin'>;
  readonly seed: number;
  /** How many commands have ended. */
  readonly ended: () => number;
  /** The commands, and keys of submissions, that a fault of this kind hits now. */
  readonly inFlight: (hit: Hit) => Promise<readonly string[]>;
}

/** The fault that `chaos` is about to inject. */
export type Hit = Extract<Message, { says: 'injecting' }>;

/** Receives the messages of the service `chaos`, and records its faults. */
export class Listener {
  readonly troubles: string[] = [];
  /** The kinds of faults that may come, as reported by `chaos`. */
  kinds: readonly ContainerFaultKind[] = containerFaultKinds;
  /** The hosts that each target had. */
  readonly hosts = new Map<string, Set<string>>();
  /** Resolves when nothing is hurt any more. */
  readonly whole: Promise<void>;
  readonly #options: ListenerOptions;
  readonly #open = new Map<number, { readonly open: OpenFault; readonly inFlight: readonly string[] }>();
  readonly #server: Server;
  #isOver = false;
  #tellWhole: () => void = () => undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.whole = new Promise((resolve) => (this.#tellWhole = resolve));
    this.#server = createServer((request, response) => {
      this.#answer(request).then(
        (reply) => response.end(JSON.stringify(reply)),
        (error: unknown) => response.writeHead(400).end(String(error)),
      );
    });
  }

  async start(port: number): Promise<void> {
    this.#server.listen(port, '0.0.0.0');
    await once(this.#server, 'listening');
  }

  /** Asks for no more faults, from the next reply on. */
  end(): void {
    this.#isOver = true;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage): Promise<Reply> {
    await this.#hear(messageSchema.parse(JSON.parse(await text(request))));
    return { over: this.#isOver, seed: this.#options.seed };
  }

  async #hear(message: Message): Promise<void> {
    switch (message.says) {
      case 'present':
        this.kinds = message.kinds;
        return;
      case 'injecting':
        return this.#begin(message);
      case 'verified': {
        const known = this.#open.get(message.fault);
        return known?.open.verified(message.proof, known.inFlight);
      }
      case 'healed':
        return this.#open.get(message.fault)?.open.healed();
      case 'trouble':
        this.troubles.push(message.what);
        return;
      case 'whole':
        return this.#tellWhole();
    }
  }

  async #begin(hit: Hit): Promise<void> {
    const { faults, ended } = this.#options;
    const hosts = this.hosts.get(hit.target) ?? new Set();
    this.hosts.set(hit.target, hosts.add(hit.host));
    // Read before the container is hurt: of its commands in flight, only those that are still open afterwards
    // will count.
    const inFlight = await this.#options.inFlight(hit);
    const open = faults.begin({ kind: hit.kind, target: hit.target, event: ended() });
    this.#open.set(hit.fault, { open, inFlight });
  }
}
