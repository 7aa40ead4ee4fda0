import { type Socket } from 'node:net';
import { type Pace, PacedWriter, type Traffic } from './paced-writer.js';
import { commandAt, NotResp, type Reply, replyAt } from './resp.js';

export interface Request {
  readonly args: readonly string[];
  readonly bytes: Buffer;
}

/** Takes the one request that it was set for. */
export interface RequestHold {
  matches(args: readonly string[]): boolean;
  take(link: TcpLink, request: Request): void;
}

export interface RequestLoss {
  matches(args: readonly string[]): boolean;
  tell(request: readonly string[], reply: Reply): void;
}

/** The questions that a link has for its proxy. */
export interface LinkRules {
  requestsCut(): boolean;
  repliesCut(): boolean;
  holdFor(args: readonly string[]): RequestHold | undefined;
  lossFor(args: readonly string[]): RequestLoss | undefined;
  readonly pace: () => Pace;
  exchanged(exchange: Exchange): void;
  ended(): void;
  readonly traffic: Traffic;
}

/** A request that was answered. */
export interface Exchange {
  readonly request: readonly string[];
  readonly reply: Reply;
  /** Whether the sender had closed its connection before the reply came. */
  readonly senderGone: boolean;
}

/** A request that Redis has, and whose reply it owes. */
interface Owed {
  readonly request: readonly string[];
  readonly loss: RequestLoss | undefined;
  readonly answered: ((reply: Reply) => void) | undefined;
  readonly broken: ((error: Error) => void) | undefined;
}

/** From these on, replies no longer come one for one: such a connection is passed on as it is. */
const unpaired = /^(P|S)?(UN)?SUBSCRIBE$|^MONITOR$/i;
/** Type byte of a RESP3 push, which is the reply to no request. */
const push = '>'.charCodeAt(0);

/**
 * One client's connection through the proxy: a queue of whole requests towards Redis, and one of whole
 * replies back. Each end may go before the other: a client that is gone leaves its requests on the
 * line, as a dead process leaves them to the kernel.
 */
export class TcpLink {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #toClient: PacedWriter;
  readonly #toUpstream: PacedWriter;
  readonly #rules: LinkRules;
  readonly #requests: Request[] = [];
  readonly #replies: Buffer[] = [];
  readonly #owed: Owed[] = [];
  #unreadRequests: Buffer = Buffer.alloc(0);
  #unreadReplies: Buffer = Buffer.alloc(0);
  #held: Request | undefined;
  #paired = true;
  #clientGone = false;
  #upstreamGone = false;

  constructor(client: Socket, upstream: Socket, rules: LinkRules) {
    this.#client = client;
    this.#upstream = upstream;
    this.#rules = rules;
    this.#toClient = new PacedWriter(client, rules.pace, rules.traffic);
    this.#toUpstream = new PacedWriter(upstream, rules.pace, rules.traffic);
    client.setNoDelay(true);
    upstream.setNoDelay(true);
    // An error is always followed by 'close', which is what this acts on.
    client.on('error', () => undefined);
    upstream.on('error', () => undefined);
    client.on('data', (chunk: Buffer) => this.#receiveRequests(chunk));
    upstream.on('data', (chunk: Buffer) => this.#receiveReplies(chunk));
    client.on('close', () => {
      this.#clientGone = true;
      this.resume();
    });
    upstream.on('close', () => {
      this.#upstreamGone = true;
      this.resume();
    });
  }

  /** Whether a reply would still reach the client's end. */
  get open(): boolean {
    return !this.#client.destroyed && !this.#upstream.destroyed;
  }

  /** Lets the held request, and what waits behind it, go on. */
  deliverHeld(): Promise<Reply> {
    return new Promise((answered, broken) => {
      const held = this.#held;
      this.#held = undefined;
      if (held) this.#forward(held, answered, broken);
      this.resume();
    });
  }

  /** Moves whatever may move now, and ends what has no other end any more. */
  resume(): void {
    this.#sendRequests();
    this.#sendReplies();
    if (this.#clientGone && (this.#requests.length === 0 || this.#held)) this.#toUpstream.end();
    if (this.#upstreamGone) {
      const error = new Error('the connection to Redis closed before it answered');
      for (const { broken } of this.#owed.splice(0)) broken?.(error);
      // Behind a cut, a client does not learn either that the other end has gone.
      if (!this.#rules.repliesCut()) this.#toClient.end();
    }
    if (this.#clientGone && this.#upstreamGone) this.#rules.ended();
  }

  /** Breaks both ends; the client sees a RST. */
  reset(): void {
    const { traffic } = this.#rules;
    for (const { bytes } of this.#requests) traffic.dropped += bytes.length;
    for (const bytes of this.#replies) traffic.dropped += bytes.length;
    this.#requests.length = 0;
    this.#replies.length = 0;
    if (!this.#client.destroyed) this.#client.resetAndDestroy();
    this.#upstream.destroy();
  }

  #receiveRequests(chunk: Buffer): void {
    const { traffic } = this.#rules;
    traffic.usedMs = performance.now();
    if (this.#rules.requestsCut()) traffic.keptBack += chunk.length;
    let at = 0;
    const buffer = Buffer.concat([this.#unreadRequests, chunk]);
    try {
      for (let next = commandAt(buffer, 0); next; next = commandAt(buffer, at)) {
        this.#requests.push({ args: next.value, bytes: buffer.subarray(at, next.end) });
        at = next.end;
      }
    } catch (error) {
      // An inline command, for example. This proxy cannot tamper with the requests of such a client.
      if (!(error instanceof NotResp)) throw error;
      this.#paired = false;
      this.#requests.push({ args: [], bytes: buffer.subarray(at) });
      at = buffer.length;
    }
    this.#unreadRequests = buffer.subarray(at);
    this.#sendRequests();
  }

  #sendRequests(): void {
    while (!this.#held && !this.#rules.requestsCut()) {
      const request = this.#requests.shift();
      if (!request) return;
      const hold = this.#rules.holdFor(request.args);
      if (hold) {
        this.#held = request;
        hold.take(this, request);
      } else {
        this.#forward(request);
      }
    }
  }

  #forward(
    { args, bytes }: Request,
    answered?: (reply: Reply) => void,
    broken?: (error: Error) => void,
  ): void {
    if (unpaired.test(args[0] ?? '')) this.#paired = false;
    this.#owed.push({ request: args, loss: this.#rules.lossFor(args), answered, broken });
    if (!this.#upstream.destroyed) this.#toUpstream.write(bytes);
  }

  #receiveReplies(chunk: Buffer): void {
    if (this.#rules.repliesCut()) this.#rules.traffic.keptBack += chunk.length;
    if (!this.#paired) {
      this.#replies.push(this.#unreadReplies, chunk);
      this.#unreadReplies = Buffer.alloc(0);
      this.#sendReplies();
      return;
    }
    const buffer = Buffer.concat([this.#unreadReplies, chunk]);
    let at = 0;
    for (let next = replyAt(buffer, 0); next; next = replyAt(buffer, at)) {
      const bytes = buffer.subarray(at, next.end);
      at = next.end;
      const owed = bytes[0] === push ? undefined : this.#owed.shift();
      owed?.answered?.(next.value);
      if (owed) {
        const { request } = owed;
        this.#rules.exchanged({ request, reply: next.value, senderGone: this.#clientGone });
      }
      if (owed?.loss) {
        this.#rules.traffic.dropped += bytes.length;
        this.reset();
        owed.loss.tell(owed.request, next.value);
        return;
      }
      this.#replies.push(bytes);
    }
    this.#unreadReplies = buffer.subarray(at);
    this.#sendReplies();
  }

  #sendReplies(): void {
    if (this.#rules.repliesCut() && !this.#clientGone) return;
    for (const bytes of this.#replies.splice(0)) if (!this.#client.destroyed) this.#toClient.write(bytes);
  }
}
