import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, type Socket } from 'node:net';
import { type Service } from '../../shared/runtime/service.js';
import { errorCode } from '../../shared/runtime/error-code.js';
import { type Bound, type Bounds, PeerCount } from './peer-count.js';
import { Problem } from './problem.js';
import { standingHeaders } from './standing-headers.js';

export interface HttpServerOptions {
  readonly listener: RequestListener;
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
  /** How long answers that are under way may take once the server is stopping. */
  readonly graceMs: number;
  /** How long a request may take to arrive. */
  readonly requestTimeoutMs?: number;
  /** How long a connection without a request stays open. */
  readonly keepAliveMs?: number;
  readonly maxConnections?: Bounds;
}

/**
 * Bounds against clients that send or read slowly on purpose. The longest answer that a client may
 * wait for is held for 60 s, and live pages send something more often than that.
 */
const timeouts = {
  headersTimeout: 10_000,
  // How often it is looked whether one has passed; 30 s if left alone.
  connectionsCheckingInterval: 500,
} as const;
const silentSocketMs = 120_000;
/** Longer than the idle time of common proxies, which would otherwise reuse a connection that just closed. */
export const usualKeepAliveMs = 75_000;
const unbounded: Bounds = { inAll: Infinity, perPeer: Infinity };

/**
 * Listens, and stops in good order: no new connection, answers under way within the grace period,
 * then every connection is closed.
 *
 * When its process dies, clients see a broken connection; what they asked for is done or not, and the
 * same request with the same Idempotency-Key finds out.
 */
export class HttpServer implements Service {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  /** By connection: pipelined requests have several at once. */
  readonly #answering = new Map<Socket, Set<ServerResponse>>();
  readonly #connections: PeerCount;
  /** Connections that were refused without the app, such as those whose request is missing or unintelligible. */
  readonly #refused = new WeakSet<Socket>();
  #stopping: Promise<void> | undefined;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const { requestTimeoutMs: requestTimeout = 60_000, keepAliveMs: keepAliveTimeout = usualKeepAliveMs } =
      options;
    this.#connections = new PeerCount(options.maxConnections ?? unbounded);
    const headersTimeout = Math.min(timeouts.headersTimeout, requestTimeout);
    // A missing Host is answered by the app, as a problem like any other.
    const given = { headersTimeout, requestTimeout, keepAliveTimeout, requireHostHeader: false };
    this.#server = createServer({ ...timeouts, ...given });
    this.#server.timeout = silentSocketMs;
    this.#server.on('request', (request, response) => {
      if (this.#refused.has(request.socket)) return ignore(request);
      this.#track(request.socket, response);
      options.listener(request, response);
    });
    this.#server.on('connection', (socket) => this.#admit(socket));
    // Node would answer both itself: one without a body, the other not at all.
    this.#server.on('checkExpectation', (request: IncomingMessage) => {
      this.#refuse(request.resume().socket, unexpected());
    });
    this.#server.on('connect', ({ socket }: IncomingMessage) => {
      // Node has taken its own listeners away, and no longer closes it with the others.
      socket.on('error', () => socket.destroy());
      this.#refuse(socket, noTunnel());
      socket.resume().destroySoon();
    });
    this.#server.on('clientError', (error, socket: Socket) => this.#answerRaw(error, socket));
  }

  /** @throws what `listen` failed with: EADDRINUSE, EACCES … */
  async start(): Promise<void> {
    if (this.#server.listening) return;
    await new Promise<void>((listening, failed) => {
      this.#server.once('error', failed);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.removeListener('error', failed);
        listening();
      });
    });
  }

  /** Where to reach it, from this machine. */
  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    const any = address === '0.0.0.0' || address === '::';
    const name = any ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
    return `http://${name}:${port}`;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeIdleConnections();
    for (const responses of this.#answering.values()) responses.forEach(closeAfter);
    const cut = setTimeout(() => this.#server.closeAllConnections(), this.#options.graceMs);
    await closed;
    clearTimeout(cut);
  }

  #track(socket: Socket, response: ServerResponse): void {
    const responses = this.#answering.get(socket) ?? new Set();
    this.#answering.set(socket, responses.add(response));
    response.on('close', () => {
      responses.delete(response);
      if (responses.size === 0 && this.#answering.get(socket) === responses) this.#answering.delete(socket);
    });
    if (this.#stopping) closeAfter(response);
  }

  #admit(socket: Socket): void {
    socket.once('close', () => this.#endQueued(socket));
    const peer = socket.remoteAddress ?? '';
    const bound = this.#connections.add(peer);
    if (bound !== undefined) return this.#refuse(socket, tooManyConnections(bound));
    socket.once('close', () => this.#connections.remove(peer));
  }

  /** Closes the answers to pipelined requests whose turn never came: Node emits `close` only for the others. */
  #endQueued(socket: Socket): void {
    for (const response of this.#answering.get(socket) ?? []) {
      if (response.socket === null) response.emit('close');
    }
  }

  /** The connection ends with this answer, whatever its client has sent or sends. */
  #refuse(socket: Socket, problem: Problem): void {
    this.#refused.add(socket);
    // Nothing may be written into the middle of another answer.
    const isBusy = [...(this.#answering.get(socket) ?? [])].some(
      (response) => response.socket === socket && response.headersSent,
    );
    if (isBusy) socket.destroy();
    else socket.end(rawAnswer(problem));
  }

  /** Writes the answer by hand: input that Node's parser refuses never becomes a request. */
  #answerRaw(error: Error, socket: Socket): void {
    const code = errorCode(error);
    if (!socket.writable || code === 'ECONNRESET') return void socket.destroy();
    this.#refuse(socket, rawProblem(code));
  }
}

/**
 * Drops a request that crossed the answer that none had arrived. That answer promises that nothing was done, so
 * the client sends the request again. It is read to its end, so that the answer is not lost with the connection.
 */
function ignore(request: IncomingMessage): void {
  request.resume().once('end', () => request.socket.destroy());
}

/** Otherwise a client that keeps its connection alive would keep the server alive. */
function closeAfter(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('Connection', 'close');
}

function rawAnswer(problem: Problem): string {
  const body = JSON.stringify(problem.toBody());
  return [
    `HTTP/1.1 ${problem.status} ${problem.toBody().title}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...Object.entries({ ...standingHeaders, ...problem.headers, Connection: 'close' }).map(
      ([name, value]) => `${name}: ${value}`,
    ),
    '',
    body,
  ].join('\r\n');
}

function rawProblem(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new Problem('headers_too_large', 'the head of the request must be at most 16384 bytes');
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new Problem('request_timeout', 'the request did not arrive in time');
  }
  return new Problem('malformed_http', 'the request cannot be parsed as HTTP/1.1');
}

const unexpected = () =>
  new Problem('expectation_failed', 'the header Expect must be 100-continue, or be left out', {
    errors: [{ field: 'Expect', message: 'must be 100-continue' }],
  });

const noTunnel = () =>
  new Problem('method_not_allowed', 'this server is no proxy: it knows no CONNECT', {
    headers: { Allow: 'GET, HEAD, POST, PUT, DELETE, OPTIONS' },
  });

const tooManyConnections = ({ most, ofOnePeer }: Bound) =>
  new Problem(
    'too_many_connections',
    ofOnePeer
      ? `this address has ${most} connections open already (MAX_CONNECTIONS_PER_PEER); close some`
      : `${most} connections are open already (MAX_CONNECTIONS); nothing was done`,
    { headers: { 'Retry-After': '1' } },
  );
