import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';

/** One effect: a request that really arrived. */
export interface Hit {
  /** 1, 2, 3 … in order of arrival. */
  readonly order: number;
  /** Header `Idempotency-Key`; empty if the request carried none. */
  readonly commandId: string;
  /** Header `Fencepost-Attempt`; 0 if the request carried none. */
  readonly attempt: number;
  readonly atMs: number;
  /** The answer to this hit, and to no other. */
  readonly answer: LedgerAnswer;
  /** When the answer was sent; null while it is held or delayed, or if its client had gone by then. */
  readonly answeredMs: number | null;
}

export interface LedgerAnswer {
  readonly receipt: string;
  readonly commandId: string;
  readonly attempt: number;
}

/** The source of effects for the history checker: a ledger in this process or in another. */
export interface HitSource {
  readonly url: string;
  hits(): readonly Hit[] | Promise<readonly Hit[]>;
}

/** Answers that are held back until `release`. */
export interface AnswerHold {
  /** The first hit whose answer is held. */
  readonly first: Promise<Hit>;
  /** Sends what is held, and holds nothing more. */
  release(): void;
}

type MutableHit = { -readonly [Key in keyof Hit]: Hit[Key] };

/**
 * The outside world: an HTTP target that writes down every request that agents make, and never
 * deduplicates. Its record is what really happened, whatever Fencepost reports.
 *
 * Each hit is answered with a receipt of its own, so that a stored result can be traced to the very
 * request that produced it. `?delayMs=` on the URL postpones the answer, never the hit; `?failFirst=n`
 * answers the first n attempts with 503.
 */
export class Ledger implements HitSource {
  readonly url: string;
  readonly #server: Server;
  readonly #hits: MutableHit[] = [];
  readonly #waiting = new Set<() => void>();
  readonly #holds = new Set<(hit: Hit, send: () => void) => boolean>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #delayMs: number;

  private constructor(server: Server, name: string, delayMs: number) {
    this.url = `http://${name}:${(server.address() as AddressInfo).port}`;
    this.#server = server;
    this.#delayMs = delayMs;
    server.on('request', (request, response) => this.#receive(request, response));
  }

  /**
   * On loopback, unless it has a name.
   *
   * @param delayMs how long each answer takes unless its URL says otherwise
   * @param name by which other machines reach this one: then it listens for them too
   */
  static async start({ delayMs = 0, name }: { delayMs?: number; name?: string } = {}): Promise<Ledger> {
    const server = createServer();
    server.listen(0, name === undefined ? '127.0.0.1' : '0.0.0.0');
    await once(server, 'listening');
    return new Ledger(server, name ?? '127.0.0.1', delayMs);
  }

  /** Ends it; answers that are still due are never sent. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  /** Every hit so far, in order of arrival. */
  hits(): readonly Hit[] {
    return this.#hits;
  }

  hitsOf(commandId: string): readonly Hit[] {
    return this.#hits.filter((hit) => hit.commandId === commandId);
  }

  /** Resolves once at least `count` hits have arrived, of one command or of all. */
  async waitForHits(count: number, commandId?: string): Promise<readonly Hit[]> {
    for (;;) {
      const hits = commandId === undefined ? this.#hits : this.hitsOf(commandId);
      if (hits.length >= count) return hits;
      await new Promise<void>((arrived) => this.#waiting.add(arrived));
    }
  }

  /** Holds the answers to hits that match, from now on until it is released. */
  hold(matches: (hit: Hit) => boolean = () => true): AnswerHold {
    const sends: (() => void)[] = [];
    let tellFirst: (hit: Hit) => void;
    const first = new Promise<Hit>((resolve) => (tellFirst = resolve));
    const holds = (hit: Hit, send: () => void): boolean => {
      if (!matches(hit)) return false;
      sends.push(send);
      tellFirst(hit);
      return true;
    };
    this.#holds.add(holds);
    return {
      first,
      release: () => {
        this.#holds.delete(holds);
        for (const send of sends.splice(0)) send();
      },
    };
  }

  #receive(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', this.url);
    if (request.method === 'GET' && url.pathname === hitsPath) {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(this.#hits));
      return;
    }
    request.resume();
    const commandId = String(request.headers['idempotency-key'] ?? '');
    const attempt = Number.parseInt(String(request.headers['fencepost-attempt'] ?? ''), 10) || 0;
    const answer = { receipt: randomUUID(), commandId, attempt };
    const hit: MutableHit = {
      order: this.#hits.length + 1,
      commandId,
      attempt,
      atMs: Date.now(),
      answer,
      answeredMs: null,
    };
    this.#hits.push(hit);
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const arrived of waiting) arrived();

    const send = () => {
      if (response.destroyed) return;
      hit.answeredMs = Date.now();
      if (attempt <= Number(url.searchParams.get('failFirst') ?? 0)) response.statusCode = 503;
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    };
    for (const holds of this.#holds) if (holds(hit, send)) return;
    const delayMs = Number(url.searchParams.get('delayMs') ?? this.#delayMs);
    if (delayMs > 0) this.#sendAfter(delayMs, send);
    else send();
  }

  #sendAfter(delayMs: number, send: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      send();
    }, delayMs);
    this.#timers.add(timer);
  }
}

/** Asking a ledger for its hits is not an effect. */
const hitsPath = '/.hits';

/** A ledger that runs as a process of its own (`ledger-main.ts`), so that it costs the caller no time. */
export function remoteLedger(url: string): HitSource {
  return {
    url,
    hits: async () => {
      const answer = await fetch(new URL(hitsPath, url));
      // Not `json()`: under Jest its objects are of another realm, and strictly equal to none of this one.
      return JSON.parse(await answer.text()) as Hit[];
    },
  };
}
