import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type Readable } from 'node:stream';
import { Agent, type DiagnosticsChannel, request } from 'undici';
import { type ProblemBody, problemSchema } from '../protocol/api.js';
import { CombinedSignal } from './combined-signal.js';
import { ClientClosedError } from './errors.js';
import { Semaphore } from './semaphore.js';

export interface ServerRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** With its query, and without a slash in front. */
  readonly path: string;
  /** JSON. */
  readonly body?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** How much longer than usual the answer may take. */
  readonly waitMs?: number;
  /** Aborted when the caller does not want the answer any more. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the request has been written to its connection, each time: a crash point. */
  readonly onSent?: () => void;
}

export interface AnswerHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export interface ServerAnswer extends AnswerHead {
  /** undefined: it had none, or none that is JSON. */
  readonly body: unknown;
  /** When it is an error that Fencepost answers. */
  readonly problem: ProblemBody | undefined;
}

/** An answer that is read as it comes. The caller must end it: `text.destroy()`. */
export interface StreamedAnswer extends AnswerHead {
  readonly text: Readable;
}

export interface ServerConnectionsOptions {
  /** How long one try may take. */
  readonly tryMs: number;
  /** Most connections to one server for calls that are answered at once; held ones have their own. */
  readonly connections: number;
}

/** How late the answer to a poll may be: a busy server must not be taken for one that is gone. */
const pollSlackMs = 2000;

/**
 * A connection that is silent for so long is probed by the kernel, and breaks ten seconds later if the
 * machine at its other end is gone (`setKeepAlive` of node:net): else a held poll would wait in vain.
 */
const probeAfterMs = 5000;

/** Sends one request to one server and reads its answer, over connections that are kept. It repeats nothing. */
export class ServerConnections {
  readonly #tryMs: number;
  readonly #usual: Agent;
  /** Connections of held or streamed answers: waiting for many commands must not keep another call waiting. */
  readonly #held: Agent;
  readonly #connections: number;
  /**
   * Queues of calls by origin. undici has a queue of its own, but does not report when a request has left it:
   * that time would count as the server's, and a call could not leave the queue.
   */
  readonly #lines = new Map<string, Semaphore>();
  readonly #closed = new AbortController();

  constructor({ tryMs, connections }: ServerConnectionsOptions) {
    this.#tryMs = tryMs;
    this.#connections = connections;
    const options = {
      pipelining: 1,
      keepAliveTimeout: 60_000,
      connect: { timeout: tryMs, keepAliveInitialDelay: probeAfterMs },
      // The signal ends it.
      headersTimeout: 0,
      bodyTimeout: 0,
    };
    this.#usual = new Agent({ ...options, connections });
    this.#held = new Agent(options);
  }

  /** Aborted by `close`. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /**
   * @param onTurn called when the call need not wait for others any more: its time begins
   * @throws what undici throws, or the reason of the call's signal
   */
  async exchange(url: URL, call: ServerRequest, onTurn: () => void): Promise<ServerAnswer> {
    const { waitMs = 0 } = call;
    const cut = new CombinedSignal([call.signal, this.#closed.signal]);
    let leave: (() => void) | undefined;
    try {
      if (waitMs === 0) leave = await this.#lineTo(url).enter(cut.signal);
      onTurn();
      cut.limit(waitMs === 0 ? this.#tryMs : waitMs + Math.max(this.#tryMs, pollSlackMs));
      const { status, headers, text } = await this.#send(url, call, cut.signal, waitMs > 0);
      return answerOf({ status, headers }, await readAll(text));
    } finally {
      cut.release();
      leave?.();
    }
  }

  #lineTo({ origin }: URL): Semaphore {
    const line = this.#lines.get(origin) ?? new Semaphore(this.#connections);
    this.#lines.set(origin, line);
    return line;
  }

  /** The same for an answer without an end; one that is an error is read at once. */
  async stream(url: URL, call: ServerRequest): Promise<ServerAnswer | StreamedAnswer> {
    const cut = new CombinedSignal([call.signal, this.#closed.signal]);
    // The limit is for the head only.
    const late = setTimeout(() => cut.abort(new Error(`no answer within ${this.#tryMs} ms`)), this.#tryMs);
    let isStreaming = false;
    try {
      const { status, headers, text } = await this.#send(url, call, cut.signal, true);
      if (status >= 300) return answerOf({ status, headers }, await readAll(text));
      isStreaming = true;
      text.once('close', () => cut.release());
      return { status, headers, text };
    } finally {
      clearTimeout(late);
      if (!isStreaming) cut.release();
    }
  }

  async #send(
    url: URL,
    { method, body, headers, onSent }: ServerRequest,
    signal: AbortSignal,
    isHeld: boolean,
  ) {
    const unwatch = onSent ? watchSent(method, url, onSent) : undefined;
    try {
      const answer = await request(url, {
        dispatcher: isHeld ? this.#held : this.#usual,
        method,
        headers: { ...(body === undefined ? {} : jsonHeaders), ...headers },
        ...(body === undefined ? {} : { body }),
        signal,
      });
      const text: Readable = answer.body.setEncoding('utf8');
      // The reader gets the error from the iterator.
      text.on('error', () => undefined);
      return { status: answer.statusCode, headers: answer.headers, text };
    } finally {
      unwatch?.();
    }
  }

  /** Ends what is under way, and every connection. */
  async close(): Promise<void> {
    this.#closed.abort(new ClientClosedError('the client is closed'));
    await Promise.all([this.#usual.destroy(), this.#held.destroy()]);
  }
}

/** undici writes once a connection is there, later than it is called, and reports the write only here. */
function watchSent(method: string, url: URL, onSent: () => void): () => void {
  const channel = 'undici:request:bodySent';
  const look = (message: unknown) => {
    // The message that undici publishes: https://undici.nodejs.org/#/docs/api/DiagnosticsChannel
    const { request: sent } = message as DiagnosticsChannel.RequestBodySentMessage;
    if (sent.method === method && sent.path === `${url.pathname}${url.search}`) onSent();
  };
  subscribe(channel, look);
  return () => void unsubscribe(channel, look);
}

const jsonHeaders = { 'content-type': 'application/json' } as const;

async function readAll(stream: Readable): Promise<string> {
  let text = '';
  for await (const part of stream) text += String(part);
  return text;
}

function answerOf({ status, headers }: AnswerHead, text: string): ServerAnswer {
  const body = parse(text);
  const problem = status < 400 ? undefined : problemSchema.safeParse(body).data;
  return { status, headers, body, problem };
}

/** Tolerates any text: a proxy in front of a server may answer anything. */
function parse(text: string): unknown {
  try {
    return text === '' ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
