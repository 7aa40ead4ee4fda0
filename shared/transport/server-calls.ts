import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Agent, type DiagnosticsChannel, request } from 'undici';
import { type ProblemBody, problemSchema } from '../protocol/api.js';
import { backoffMs } from '../runtime/backoff.js';
import { isAborted, pause } from '../runtime/service.js';

/** No server answered, or those that did cannot serve now. What was asked for may have been done. */
export class ServerUnavailable extends Error {
  override readonly name = 'ServerUnavailable';
}

/** A server refused a call in a way that its caller has no use for: a fault of this program, or in front of the server. */
export class CallRefused extends Error {
  override readonly name = 'CallRefused';
}

/** How late the answer to a poll may be: a busy server must not be taken for one that is gone. */
const pollSlackMs = 2000;

/**
 * A connection that is silent for so long is probed by the kernel, and breaks ten seconds later if the
 * machine at its other end is gone (`setKeepAlive` of node:net): else a held poll would wait in vain.
 */
const probeAfterMs = 5000;

export interface ServerCall {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** With its query, and without a slash in front. */
  readonly path: string;
  readonly body?: unknown;
  /** How much longer than usual the answer may take. */
  readonly waitMs?: number;
  /** Aborted: nobody wants the answer any more. */
  readonly signal?: AbortSignal;
  /** Called when the request has been written to its connection, each time: a crash point. */
  readonly onSent?: () => void;
}

export interface ServerAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** undefined: it had none, or none that is JSON. */
  readonly body: unknown;
  /** When it is an error that Fencepost answers. */
  readonly problem: ProblemBody | undefined;
}

export interface ServerCallsOptions {
  /** Any of them will do: they share one Redis. */
  readonly urls: readonly string[];
  /** How long one try may take; a call that hangs must leave time for another one within the lease. */
  readonly tryMs: number;
}

/**
 * Calls to the servers of a deployment, over connections that are kept. Every call must be safe to send
 * twice: one that was not answered is sent again, to the next server in turn, each once and one twice,
 * with a short pause between.
 */
export class ServerCalls {
  readonly #urls: readonly string[];
  readonly #tryMs: number;
  readonly #agent: Agent;
  /** Whom to ask: the one that answered last. */
  #turn = 0;

  constructor({ urls, tryMs }: ServerCallsOptions) {
    this.#urls = urls.map((url) => (url.endsWith('/') ? url : `${url}/`));
    this.#tryMs = tryMs;
    // A poll holds one of them; reports that end together share the others.
    this.#agent = new Agent({
      connections: 8,
      pipelining: 1,
      keepAliveTimeout: 60_000,
      connect: { timeout: tryMs, keepAliveInitialDelay: probeAfterMs },
    });
  }

  /** The next server is asked first from now on. */
  moveOn(): void {
    this.#turn = (this.#turn + 1) % this.#urls.length;
  }

  /**
   * @returns what a server answered, an error of the caller's included
   * @throws ServerUnavailable
   */
  async call(call: ServerCall): Promise<ServerAnswer> {
    let failure: unknown;
    for (let tries = 1; tries <= this.#urls.length + 1; tries++) {
      const turn = this.#turn;
      try {
        const answer = await this.#try(call);
        if (!isAway(answer)) return answer;
        failure = new Error(answer.problem?.detail ?? `it answered ${answer.status}`);
      } catch (error) {
        failure = error;
      }
      if (isOver(call)) break;
      // Unless another call has moved on meanwhile.
      if (turn === this.#turn) this.moveOn();
      await pause(backoffMs(tries, { firstMs: 20, maxMs: 200 }), call.signal);
    }
    const why = failure instanceof Error ? failure.message : String(failure);
    throw new ServerUnavailable(`${this.#urls.join(', ')}: ${why}`);
  }

  async #try({ method, path, body, waitMs = 0, signal, onSent }: ServerCall): Promise<ServerAnswer> {
    const late = AbortSignal.timeout(
      waitMs === 0 ? this.#tryMs : waitMs + Math.max(this.#tryMs, pollSlackMs),
    );
    const url = new URL(path, this.#urls[this.#turn]);
    const unwatch = onSent ? watchSent(method, url, onSent) : undefined;
    try {
      const answer = await request(url, {
        dispatcher: this.#agent,
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body), headers: jsonHeaders }),
        signal: signal ? AbortSignal.any([late, signal]) : late,
        // The signal ends it.
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      const { statusCode: status, headers } = answer;
      const parsed = parse(await answer.body.text());
      const problem = status < 400 ? undefined : problemSchema.safeParse(parsed).data;
      return { status, headers, body: parsed, problem };
    } finally {
      unwatch?.();
    }
  }

  close(): void {
    void this.#agent.destroy();
  }
}

/** undici writes when a connection is there, later than it is asked to, and tells of it only here. */
function watchSent(method: string, url: URL, onSent: () => void): () => void {
  const channel = 'undici:request:bodySent';
  const look = (message: unknown) => {
    // What undici publishes: https://undici.nodejs.org/#/docs/api/DiagnosticsChannel
    const { request: sent } = message as DiagnosticsChannel.RequestBodySentMessage;
    if (sent.method === method && sent.path === `${url.pathname}${url.search}`) onSent();
  };
  subscribe(channel, look);
  return () => void unsubscribe(channel, look);
}

const jsonHeaders = { 'content-type': 'application/json' } as const;

/** What a proxy answers in front of a server may be anything. */
function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Another server, or another moment, may do better. A key that somebody spoiled stays as it is. */
function isAway({ status, problem }: ServerAnswer): boolean {
  return (status >= 500 && problem?.code !== 'redis_key_broken') || status === 408 || status === 429;
}

const isOver = ({ signal }: ServerCall) => signal !== undefined && isAborted(signal);
