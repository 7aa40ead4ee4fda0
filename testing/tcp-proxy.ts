import { once } from 'node:events';
import {
  type AddressInfo,
  connect,
  createServer,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';
import { atOnce, noTraffic, type Pace, type Traffic } from './paced-writer.js';
import { type Reply, replyAt } from './resp.js';
import { type Exchange, type RequestHold, type RequestLoss, TcpLink } from './tcp-link.js';

export type { Exchange } from './tcp-link.js';

export type RequestMatch = (args: readonly string[]) => boolean;

/** Matches a request by its command's name and by arguments that it must have, for example a script's SHA. */
export function requestOf(name: string, ...args: readonly string[]): RequestMatch {
  return ([command = '', ...given]) =>
    command.toUpperCase() === name.toUpperCase() && args.every((arg) => given.includes(arg));
}

/** A request that the proxy has taken off the wire. */
export interface HeldRequest {
  /** The request, once it has come and is held. Whatever its connection sends after it waits behind it. */
  readonly held: Promise<readonly string[]>;
  /**
   * Lets it arrive at Redis. If its client's connection is still there, on that one. If not, on one of
   * the proxy's own: so a request arrives late, whose sender gave up or died. What waited behind it is
   * then lost.
   *
   * @returns what Redis answered
   */
  deliver(): Promise<Reply>;
  /** Drops it for good; its connection, if it is still there, breaks. */
  drop(): void;
  /** Waits for it no longer; once it has come, nothing changes. */
  readonly forget: () => void;
}

/** A reply that Redis gave and the client never got. */
export interface LostReply {
  /** The request and its reply, when the reply has been swallowed and the client's connection reset. */
  readonly lost: Promise<{ readonly request: readonly string[]; readonly reply: Reply }>;
  /** Waits for it no longer; once its request has come, nothing changes. */
  readonly forget: () => void;
}

export type Direction = 'both' | 'requests' | 'replies';

/**
 * A proxy on loopback between clients and Redis that knows where requests and replies begin and end,
 * and so can do to one of them what networks do: lose it, break after it, or deliver it when its client
 * does not count on it any more.
 */
export class TcpProxy {
  readonly port: number;
  readonly traffic: Traffic = noTraffic();
  readonly #server: Server;
  readonly #target: NetConnectOpts;
  readonly #links = new Set<TcpLink>();
  readonly #holds: RequestHold[] = [];
  readonly #losses: RequestLoss[] = [];
  readonly #own = new Set<Socket>();
  #requestsCut = false;
  readonly #onExchange: (exchange: Exchange) => void;
  #repliesCut = false;
  #pace = atOnce;

  private constructor(server: Server, target: NetConnectOpts, onExchange: (exchange: Exchange) => void) {
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#target = target;
    this.#onExchange = onExchange;
    server.on('connection', (client) => this.#link(client));
  }

  /**
   * @param target where Redis listens: `{ path }` of its socket, or `{ host, port }`
   * @param onExchange told of each request that Redis answered, whether or not the answer gets through
   */
  static async start(
    target: NetConnectOpts,
    onExchange: (exchange: Exchange) => void = () => undefined,
  ): Promise<TcpProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, target, onExchange);
  }

  /** A value for `REDIS_URL`. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Ends the proxy and every connection through it. */
  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.reset();
    for (const socket of this.#own) socket.destroy();
    await closed;
  }

  /**
   * Lets nothing more pass, on present and on new connections; with one direction only, the line is
   * half open. As with TCP, what is sent meanwhile is not lost but late: it arrives on `heal`, requests
   * even if their client has closed its connection since.
   */
  cut(direction: Direction = 'both'): void {
    if (direction !== 'replies') this.#requestsCut = true;
    if (direction !== 'requests') this.#repliesCut = true;
  }

  /** Ends every cut; what it kept back goes through. */
  heal(): void {
    this.#requestsCut = false;
    this.#repliesCut = false;
    for (const link of [...this.#links]) link.resume();
  }

  /** From now on bytes arrive late, or in slices; `atOnce` ends it. */
  setPace(pace: Pace): void {
    this.#pace = pace;
  }

  /** Breaks every present connection with a RST. New ones work, and what is held can still be delivered. */
  reset(): void {
    for (const link of [...this.#links]) link.reset();
  }

  /** Holds back the next request that matches, on whichever connection it comes. */
  holdNext(matches: RequestMatch): HeldRequest {
    let taken: { link: TcpLink; bytes: Buffer } | undefined;
    let tell: (args: readonly string[]) => void;
    const held = new Promise<readonly string[]>((resolve) => (tell = resolve));
    const hold: RequestHold = {
      matches,
      take: (link, { args, bytes }) => {
        taken = { link, bytes };
        tell(args);
      },
    };
    this.#holds.push(hold);
    const takeOnce = () => {
      if (!taken) throw new Error('no request is held: it has not come yet, or was delivered or dropped');
      const { link, bytes } = taken;
      taken = undefined;
      return { link, bytes };
    };
    return {
      held,
      deliver: async () => {
        const { link, bytes } = takeOnce();
        return link.open ? link.deliverHeld() : this.#deliverAlone(bytes);
      },
      drop: () => {
        const { link } = takeOnce();
        link.reset();
      },
      forget: () => remove(this.#holds, hold),
    };
  }

  /**
   * Lets the next request that matches arrive, swallows its reply, and resets the client's connection.
   * As on any network, the RST takes with it what the client had received but not yet read.
   */
  loseReply(matches: RequestMatch): LostReply {
    let tell: (seen: { request: readonly string[]; reply: Reply }) => void;
    const lost = new Promise<{ request: readonly string[]; reply: Reply }>((resolve) => (tell = resolve));
    const loss: RequestLoss = { matches, tell: (request, reply) => tell({ request, reply }) };
    this.#losses.push(loss);
    return { lost, forget: () => remove(this.#losses, loss) };
  }

  #link(client: Socket): void {
    const link = new TcpLink(client, connect(this.#target), {
      requestsCut: () => this.#requestsCut,
      repliesCut: () => this.#repliesCut,
      holdFor: (args) => takeMatching(this.#holds, args),
      lossFor: (args) => takeMatching(this.#losses, args),
      pace: () => this.#pace,
      exchanged: this.#onExchange,
      traffic: this.traffic,
      ended: () => this.#links.delete(link),
    });
    this.#links.add(link);
  }

  /** Delivers one request on a connection of the proxy's own, and reads its reply. */
  async #deliverAlone(bytes: Buffer): Promise<Reply> {
    const socket = connect(this.#target);
    this.#own.add(socket);
    try {
      return await new Promise<Reply>((resolve, reject) => {
        let received: Buffer = Buffer.alloc(0);
        socket.on('data', (chunk) => {
          received = Buffer.concat([received, chunk]);
          const reply = replyAt(received, 0);
          if (reply) resolve(reply.value);
        });
        socket.once('error', reject);
        socket.once('close', () => reject(new Error('Redis closed the connection before it answered')));
        socket.write(bytes);
      });
    } finally {
      this.#own.delete(socket);
      socket.destroy();
    }
  }
}

function takeMatching<Item extends { readonly matches: RequestMatch }>(
  items: Item[],
  args: readonly string[],
): Item | undefined {
  const index = items.findIndex(({ matches }) => matches(args));
  return index === -1 ? undefined : items.splice(index, 1)[0];
}

function remove<Item>(items: Item[], item: Item): void {
  const index = items.indexOf(item);
  if (index !== -1) items.splice(index, 1);
}
