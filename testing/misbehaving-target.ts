import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';

export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

export interface ReceivedRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** An HTTP server on loopback that does to its clients what servers do. */
export class MisbehavingTarget {
  /** All that came, in order. */
  readonly requests: ReceivedRequest[] = [];
  readonly #behaviours = new Map<string, Behaviour>();
  readonly #events = new EventEmitter();
  readonly #sockets = new Set<Socket>();
  readonly #server = createServer((request, response) => {
    const path = request.url ?? '';
    this.requests.push({ path, headers: request.headers });
    this.#events.emit('request');
    const { pathname } = new URL(path, this.origin);
    (this.#behaviours.get(pathname) ?? replies({ status: 404 }))(request, response);
  });

  static async start(): Promise<MisbehavingTarget> {
    const target = new MisbehavingTarget();
    target.#server.on('connection', (socket) => {
      target.#sockets.add(socket);
      socket.on('close', () => target.#sockets.delete(socket));
    });
    target.#server.listen(0, '127.0.0.1');
    await once(target.#server, 'listening');
    return target;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** @returns the URL at which this target behaves so */
  at(path: string, behaviour: Behaviour): string {
    this.#behaviours.set(path, behaviour);
    return this.origin + path;
  }

  /** Resolves when the next request has arrived. */
  async nextRequest(): Promise<void> {
    await once(this.#events, 'request');
  }

  /** Resolves when the next connection has been made, whether or not a request comes over it. */
  async nextConnection(): Promise<Socket> {
    const [socket] = (await once(this.#server, 'connection')) as [Socket];
    return socket;
  }

  /** A TCP reset on every connection that is open. */
  resetConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  /** Resolves when every client has closed its connections: one that leaks them never gets past here. */
  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export function replies({ status = 200, headers = {}, body = '' }: Reply): Behaviour {
  return (_request, response) => {
    response.writeHead(status, headers).end(body);
  };
}

export function redirects(location: string, status = 302): Behaviour {
  return replies({ status, headers: { location }, body: 'moved' });
}

/** Each piece is an HTTP chunk, so that a client gets them one by one. */
export function repliesInPieces(
  pieces: readonly Buffer[],
  headers: Readonly<Record<string, string>> = {},
): Behaviour {
  return (_request, response) => {
    response.writeHead(200, headers);
    for (const piece of pieces) response.write(piece);
    response.end();
  };
}

/** The same bytes again and again, as fast as they are taken, until the client hangs up. */
export function neverEnds(bytes: Buffer, headers: Readonly<Record<string, string>> = {}): Behaviour {
  return (_request, response) => {
    response.writeHead(200, headers);
    const more = () => {
      while (!response.destroyed && response.write(bytes));
    };
    response.on('drain', more);
    more();
  };
}

/** A gzip of ten megabytes of zeros in ten kilobytes, followed by the next one, without end. */
export function gzipBomb(): Behaviour {
  return neverEnds(gzipSync(Buffer.alloc(10 * 1024 * 1024)), { 'content-encoding': 'gzip' });
}

/** Takes the request and never sends a byte. */
export const hangs: Behaviour = () => undefined;

/** Sends the headers and the beginning of the body, and never goes on. */
export function hangsAfter(body: string): Behaviour {
  return (_request, response) => {
    response.writeHead(200).write(body);
  };
}

/** A TCP reset instead of an answer. */
export const resets: Behaviour = (request) => {
  request.socket.resetAndDestroy();
};

/** A TCP reset when part of the body has been sent. */
export function resetsAfter(body: string): Behaviour {
  return (request, response) => {
    response.writeHead(200);
    response.write(body, () => request.socket.resetAndDestroy());
  };
}

/** These bytes, whatever they are, and the end of the connection. */
export function sends(bytes: string | Buffer): Behaviour {
  return (request) => {
    request.socket.end(bytes);
  };
}

/** These bytes, whatever they are; the connection stays as it is. */
export function begins(bytes: string | Buffer): Behaviour {
  return ({ socket }) => {
    socket.write(bytes);
  };
}
