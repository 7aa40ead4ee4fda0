import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface SeenRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
}

export interface SeenAnswer {
  readonly status: number;
  readonly body: string;
}

export type SeenMatch = (request: SeenRequest) => boolean;

interface Expected {
  readonly matches: SeenMatch;
  readonly isLost: (answer: SeenAnswer) => boolean;
  readonly tell: (answer: SeenAnswer) => void;
}

/**
 * A proxy on loopback between an agent and a server, which does to one exchange what networks do: the
 * request arrives, and the answer does not.
 */
export class HttpProxy {
  readonly url: string;
  readonly #server: Server;
  readonly #target: string;
  readonly #losses: Expected[] = [];
  #isCut = false;

  private constructor(server: Server, target: string) {
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.#server = server;
    this.#target = target;
    server.on('request', (incoming, response) => void this.#pass(incoming, response));
  }

  static async start(target: string): Promise<HttpProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HttpProxy(server, target);
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Every connection breaks, and new ones do at once, until `heal`. */
  cut(): void {
    this.#isCut = true;
    this.#server.closeAllConnections();
  }

  heal(): void {
    this.#isCut = false;
  }

  /**
   * Lets the next request that matches arrive, swallows its answer, and breaks the client's connection.
   *
   * @param isLost which answers to such requests count; others pass
   */
  loseAnswer(matches: SeenMatch, isLost: (answer: SeenAnswer) => boolean = () => true) {
    const lost = new Promise<SeenAnswer>((tell) => this.#losses.push({ matches, isLost, tell }));
    return { lost };
  }

  async #pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#isCut) return void incoming.socket.destroy();
    const seen = { method: incoming.method ?? '', path: incoming.url ?? '' };
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      const { status, headers, body } = await this.#forward(incoming, gone.signal);
      const answer = { status, body: body.toString() };
      const at = this.#losses.findIndex(({ matches, isLost }) => matches(seen) && isLost(answer));
      const [loss] = at === -1 ? [] : this.#losses.splice(at, 1);
      if (loss) {
        incoming.socket.destroy();
        loss.tell(answer);
      } else response.writeHead(status, headers).end(body);
    } catch {
      // Whoever broke it, the other side sees a broken connection as well.
      incoming.socket.destroy();
    }
  }

  async #forward(
    incoming: IncomingMessage,
    signal: AbortSignal,
  ): Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }> {
    const { method, headers, url = '' } = incoming;
    const outgoing = request(`${this.#target}${url}`, { method, headers, signal, agent: false });
    incoming.pipe(outgoing);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const { connection, 'transfer-encoding': encoding, ...rest } = answer.headers;
    void connection;
    void encoding;
    return { status: answer.statusCode ?? 0, headers: rest, body: await buffer(answer) };
  }
}
