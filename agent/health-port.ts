import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type Service } from '../shared/runtime/service.js';

/** The port is taken. The message has the remedy. */
export class HealthPortTaken extends Error {
  override readonly name = 'HealthPortTaken';
}

/**
 * Answers on loopback for as long as this process's main thread runs its event loop, so that a container engine
 * or an orchestrator can restart an agent that hangs.
 *
 * The answer does not depend on Redis or on the servers. An agent that reaches neither is healthy: it finishes what
 * it has, keeps the outcomes and reconnects by itself. A restart would lose exactly that.
 *
 * When the process dies the port no longer answers, which is its purpose.
 */
export class HealthPort implements Service {
  readonly #server: Server;
  readonly #port: number;

  /** @param port 0: any that is free */
  constructor(port: number, agentId: string) {
    this.#port = port;
    this.#server = createServer((_request, response) => {
      response.setHeader('content-type', 'application/json').end(JSON.stringify({ status: 'ok', agentId }));
    });
  }

  /** Where to ask, once it listens. */
  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** @throws HealthPortTaken, or what else listening failed with */
  async start(): Promise<void> {
    if (this.#server.listening) return;
    this.#server.listen(this.#port, '127.0.0.1');
    try {
      await once(this.#server, 'listening');
    } catch (error) {
      throw new HealthPortTaken(
        `HEALTH_PORT ${this.#port} cannot be listened on (${String(error)}): give each agent of a machine its own, or none`,
        { cause: error },
      );
    }
  }

  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}
