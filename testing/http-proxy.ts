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
import { pause } from '../shared/runtime/service.js';
import { atOnce, noTraffic, type Pace, type Traffic } from './paced-writer.js';

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
  readonly tell: (seen: { readonly request: SeenRequest; readonly answer: SeenAnswer }) => void;
}

interface Hold {
  readonly matches: SeenMatch;
  readonly take: (request: WholeRequest) => void;
}

/** A request that the proxy has taken off the wire, and whose sender's connection it has broken. */
export interface HeldHttpRequest {
  readonly held: Promise<SeenRequest>;
  /**
   * Lets the request arrive, when its sender does not wait for it any more.
   *
   * @param broken breaks the connection on which it arrives, and rejects
   * @returns what it was answered
   */
  deliver(broken?: AbortSignal): Promise<SeenAnswer>;
  /** Waits for it no longer; once it has come, nothing changes. */
  readonly forget: () => void;
}

interface WholeRequest extends SeenRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

interface WholeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * A proxy on loopback between an agent and a server, which does to their exchanges what networks do:
 * one arrives late or not at all, its answer is lost, or all of them are slow.
 */
export class HttpProxy {
  readonly url: string;
  readonly traffic: Traffic = noTraffic();
  readonly #server: Server;
  readonly #target: string;
  readonly #losses: Expected[] = [];
  readonly #holds: Hold[] = [];
  readonly #answersHealed = new Set<() => void>();
  #isCut = false;
  #answersCut = false;
  #pace = atOnce;

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
    this.heal();
    await closed;
  }

  /** Every connection breaks, and new ones do at once, until `heal`. */
  cut(): void {
    this.#isCut = true;
    this.#server.closeAllConnections();
  }

  /** Requests arrive, and their answers do not before `heal`: the line is half open. */
  cutAnswers(): void {
    this.#answersCut = true;
  }

  heal(): void {
    this.#isCut = false;
    this.#answersCut = false;
    for (const healed of this.#answersHealed) healed();
    this.#answersHealed.clear();
  }

  /** From now on requests and answers arrive late, or answers in slices; `atOnce` ends it. */
  setPace(pace: Pace): void {
    this.#pace = pace;
  }

  /**
   * Lets the next request that matches arrive, swallows its answer, and breaks the client's connection.
   *
   * @param isLost which answers to such requests count; others pass
   */
  loseAnswer(matches: SeenMatch, isLost: (answer: SeenAnswer) => boolean = () => true) {
    let tell: Expected['tell'] = () => undefined;
    const seen = new Promise<Parameters<Expected['tell']>[0]>((resolve) => (tell = resolve));
    const expected: Expected = { matches, isLost, tell: (one) => tell(one) };
    this.#losses.push(expected);
    return {
      lost: seen.then(({ answer }) => answer),
      seen,
      forget: () => void takeFirst(this.#losses, (one) => one === expected),
    };
  }

  /** Takes the next request that matches off the wire, and breaks its client's connection. */
  holdNext(matches: SeenMatch): HeldHttpRequest {
    let taken: WholeRequest | undefined;
    let tell: (request: SeenRequest) => void = () => undefined;
    const held = new Promise<SeenRequest>((resolve) => (tell = resolve));
    const hold: Hold = {
      matches,
      take: (request) => {
        taken = request;
        tell(request);
      },
    };
    this.#holds.push(hold);
    return {
      held,
      deliver: async (broken) => {
        if (!taken) throw new Error('no request is held');
        const { status, body } = await this.#forward(taken, broken);
        return { status, body: body.toString() };
      },
      forget: () => void takeFirst(this.#holds, (one) => one === hold),
    };
  }

  async #pass(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers, url: path = '' } = incoming;
    const size = method.length + path.length + incoming.rawHeaders.join('').length;
    this.traffic.usedMs = performance.now();
    if (this.#isCut) {
      this.traffic.dropped += size;
      return void incoming.socket.destroy();
    }
    const isCut = () => this.#isCut;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      const seen: WholeRequest = { method, path, headers, body: await buffer(incoming) };
      const hold = takeFirst(this.#holds, ({ matches }) => matches(seen));
      if (hold) {
        this.traffic.keptBack += size + seen.body.length;
        incoming.socket.destroy();
        return hold.take(seen);
      }
      await this.#beLate(size + seen.body.length);
      const answer = await this.#forward(seen, gone.signal);
      const loss = takeFirst(
        this.#losses,
        ({ matches, isLost }) => matches(seen) && isLost({ ...answer, body: answer.body.toString() }),
      );
      if (loss) {
        this.traffic.dropped += answer.body.length;
        incoming.socket.destroy();
        return loss.tell({ request: seen, answer: { ...answer, body: answer.body.toString() } });
      }
      await this.#answer(response, answer);
    } catch {
      // Either side may have broken its connection: the other side sees a broken one as well.
      if (isCut()) this.traffic.dropped += size;
      incoming.socket.destroy();
    }
  }

  async #beLate(bytes: number): Promise<void> {
    const { delayMs } = this.#pace;
    if (delayMs === 0) return;
    this.traffic.delayed += bytes;
    await pause(delayMs);
  }

  async #answer(response: ServerResponse, { status, headers, body }: WholeAnswer): Promise<void> {
    if (this.#answersCut) {
      // The status line and the headers count too: an empty answer is one as well.
      this.traffic.keptBack += JSON.stringify(headers).length + body.length;
      await new Promise<void>((healed) => this.#answersHealed.add(healed));
    }
    await this.#beLate(body.length);
    const { sliceBytes } = this.#pace;
    if (response.destroyed) return;
    response.writeHead(status, headers);
    for (let at = 0; sliceBytes > 0 && at < body.length; at += sliceBytes) {
      this.traffic.slices++;
      response.write(body.subarray(at, at + sliceBytes));
      await pause(0);
    }
    response.end(sliceBytes > 0 ? undefined : body);
  }

  async #forward({ method, path, headers, body }: WholeRequest, signal?: AbortSignal): Promise<WholeAnswer> {
    const outgoing = request(`${this.#target}${path}`, {
      method,
      headers,
      agent: false,
      ...(signal && { signal }),
    });
    outgoing.end(body);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    const { connection, 'transfer-encoding': encoding, ...rest } = answer.headers;
    void connection;
    void encoding;
    return { status: answer.statusCode ?? 0, headers: rest, body: await buffer(answer) };
  }
}

function takeFirst<Item>(items: Item[], isIt: (item: Item) => boolean): Item | undefined {
  const index = items.findIndex(isIt);
  return index === -1 ? undefined : items.splice(index, 1)[0];
}
