import { errors } from 'undici';
import { type ProblemCode } from '../protocol/errors.js';
import { backoffMs } from '../runtime/backoff.js';
import { errorCode } from '../runtime/error-code.js';
import { pause } from '../runtime/service.js';
import { CombinedSignal } from './combined-signal.js';
import { addressesOf, type Credentials, type ServerAddress } from './credentials.js';
import { ResponseLostError, RequestRejectedError, ServerUnavailableError } from './errors.js';
import {
  type ServerAnswer,
  ServerConnections,
  type ServerConnectionsOptions,
  type ServerRequest,
  type StreamedAnswer,
} from './server-connections.js';
import { parseUrl } from '../runtime/parse-url.js';

export { type ServerAnswer, type StreamedAnswer } from './server-connections.js';

export interface ServerCall extends Omit<ServerRequest, 'body'> {
  /** Sent as JSON. */
  readonly body?: unknown;
}

export interface ServerCallsOptions extends ServerConnectionsOptions {
  /** Any of them will do: they share one Redis. */
  readonly urls: readonly string[];
  readonly credentials?: Credentials | undefined;
  readonly patience: RetryPolicy;
  /** Called when a call is going to be sent again, once until a call is answered: what the last try failed with. */
  readonly onAway?: ((reason: string) => void) | undefined;
  /** Called when a call is answered after that. */
  readonly onBack?: (() => void) | undefined;
}

/**
 * How long to pause before a call is tried again; undefined: it has been tried often enough.
 *
 * @param failures how many tries have failed
 * @param forMs for which it has been tried, pauses included; not what it waited for calls before it
 * @param retryAfterMs the least pause that the last answer asked for
 */
export type RetryPolicy = (failures: number, forMs: number, retryAfterMs: number) => number | undefined;

/** Each server once and one twice, with a short pause between. */
export const tryEachServer =
  (servers: number): RetryPolicy =>
  (failures) =>
    failures > servers ? undefined : backoffMs(failures, { firstMs: 20, maxMs: 200 });

/** For so long, with exponential backoff and full jitter, and never sooner than the server asked for. */
export const retryFor =
  (limitMs: number): RetryPolicy =>
  (failures, forMs, retryAfterMs) => {
    const pauseMs = retryAfterMs + backoffMs(failures, { firstMs: 100, maxMs: 5000 });
    return forMs + pauseMs > limitMs ? undefined : pauseMs;
  };

/**
 * When a call that was not answered is sent again. `always`: it is safe to send twice. `undone`: only
 * when it cannot have been carried out.
 */
export type RetryCondition = 'always' | 'undone';

interface Failure {
  readonly error: unknown;
  readonly answer?: ServerAnswer;
  /** No server has carried it out, for certain. */
  readonly isUndone: boolean;
}

/** @param onTurn called when it waits for no other call any more */
type Send<Answer> = (url: URL, request: ServerRequest, onTurn: () => void) => Promise<Answer>;

/** Calls to the servers of a deployment: what cannot be served now is sent again, to the next server in turn. */
export class ServerCalls {
  readonly #servers: readonly ServerAddress[];
  readonly #patience: RetryPolicy;
  readonly #onAway: (reason: string) => void;
  readonly #onBack: () => void;
  #isAway = false;
  readonly #connections: ServerConnections;
  /** Index of the server to ask first: the one that answered last. */
  #turn = 0;

  /** @throws TypeError for a URL, or credentials, that cannot be used */
  constructor({ urls, credentials, patience, onAway, onBack, ...options }: ServerCallsOptions) {
    this.#servers = addressesOf(urls, credentials);
    this.#patience = patience;
    this.#onAway = onAway ?? (() => undefined);
    this.#onBack = onBack ?? (() => undefined);
    this.#connections = new ServerConnections(options);
  }

  /** The next server is asked first from now on. */
  moveOn(): void {
    this.#turn = (this.#turn + 1) % this.#servers.length;
  }

  /**
   * @returns what a server answered, an error of the caller's included
   * @throws ServerUnavailableError, ResponseLostError, ClientClosedError, or the reason of the call's signal
   */
  call(call: ServerCall, resend: RetryCondition = 'always'): Promise<ServerAnswer> {
    return this.#insist(call, resend, (...sent) => this.#connections.exchange(...sent));
  }

  /** @throws what `call` throws, and RequestRejectedError: an answer that is an error is no stream */
  async stream(call: ServerCall): Promise<StreamedAnswer> {
    const answer = await this.#insist(call, 'always', (url, request) =>
      this.#connections.stream(url, request),
    );
    if ('text' in answer) return answer;
    throw refusalOf(answer);
  }

  async #insist<Answer extends ServerAnswer | StreamedAnswer>(
    call: ServerCall,
    resend: RetryCondition,
    send: Send<Answer>,
  ): Promise<Answer> {
    // Once, and before the first try: what cannot be JSON is a fault of the caller.
    const request = { ...call, body: call.body === undefined ? undefined : JSON.stringify(call.body) };
    let forMs = 0;
    for (let failures = 1; ; failures++) {
      this.#throwIfOver(call);
      const turn = this.#turn;
      let triedAt = performance.now();
      const outcome = await this.#try(request, (url, sent) =>
        send(url, sent, () => (triedAt = performance.now())),
      );
      if (!('isUndone' in outcome)) {
        this.#answered();
        return outcome;
      }
      this.#throwIfOver(call);
      if (resend === 'undone' && !outcome.isUndone) throw this.#errorOf(ResponseLostError, outcome);
      // Unless another call has moved on meanwhile.
      if (turn === this.#turn) this.moveOn();
      forMs += performance.now() - triedAt;
      const pauseMs = this.#patience(failures, forMs, retryAfterMs(outcome.answer));
      if (pauseMs === undefined) throw this.#errorOf(ServerUnavailableError, outcome);
      this.#failed(outcome);
      await this.#pause(pauseMs, call);
      forMs += pauseMs;
    }
  }

  async #try<Answer extends ServerAnswer | StreamedAnswer>(
    request: ServerRequest,
    send: (url: URL, request: ServerRequest) => Promise<Answer>,
  ): Promise<Answer | Failure> {
    try {
      const { url, headers } = this.#server();
      const answer = await send(new URL(request.path, url), {
        ...request,
        headers: { ...headers, ...request.headers },
      });
      if ('text' in answer || !isAway(answer)) return answer;
      return { error: new Error(whyAway(answer)), answer, isUndone: nothingDone(answer) };
    } catch (error) {
      // A header that cannot be sent: no try will do better.
      if (error instanceof errors.InvalidArgumentError) throw error;
      return { error, isUndone: neverArrived(error) };
    }
  }

  #server(): ServerAddress {
    const server = this.#servers[this.#turn];
    if (!server) throw new Error('there is always a server in turn');
    return server;
  }

  #failed({ error }: Failure): void {
    if (this.#isAway) return;
    this.#isAway = true;
    this.#onAway(this.#textOf(error));
  }

  #answered(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#onBack();
  }

  #textOf(error: unknown): string {
    return `${this.#servers.map(({ url }) => url).join(', ')}: ${messageOf(error)}`;
  }

  /** Aborted by `close`. */
  get closed(): AbortSignal {
    return this.#connections.closed;
  }

  async #pause(ms: number, { signal }: ServerCall): Promise<void> {
    const cut = new CombinedSignal([signal, this.closed]);
    await pause(ms, cut.signal);
    cut.release();
  }

  #throwIfOver({ signal }: ServerCall): void {
    signal?.throwIfAborted();
    this.closed.throwIfAborted();
  }

  #errorOf(Kind: typeof ServerUnavailableError | typeof ResponseLostError, { error, answer }: Failure) {
    const { status, problem } = answer ?? {};
    return new Kind(this.#textOf(error), { status, problem, cause: error });
  }

  /** Ends what is under way. */
  close(): Promise<void> {
    return this.#connections.close();
  }
}

/** An answer that its caller has no use for, as an error. */
export function refusalOf({ status, problem, headers }: ServerAnswer): RequestRejectedError {
  return new RequestRejectedError(problem?.detail ?? unexplained(status, headers), { status, problem });
}

/** Explains an answer that is no problem of Fencepost's: a proxy in front of the servers gave it, most likely. */
function unexplained(status: number, { location }: ServerAnswer['headers']): string {
  if (status === 401)
    return 'the server answered 401: it asks for credentials (a token, or user:password@ in its URL)';
  const target = status >= 300 && status < 400 && typeof location === 'string' && parseUrl(location);
  if (target) {
    // Followed, it would carry what lets a caller in to wherever it points.
    return `the server answered ${status}, a redirect to ${target.origin}: it is not followed; name the server itself`;
  }
  return `the server answered ${status}`;
}

/** Whether another server, or a later try, may do better. A corrupted key in Redis does not repair itself. */
function isAway({ status, problem }: ServerAnswer): boolean {
  return (status >= 500 && problem?.code !== 'redis_key_broken') || status === 408 || status === 429;
}

const whyAway = ({ status, problem }: ServerAnswer) => problem?.detail ?? `it answered ${status}`;

/** Codes of requests that did not arrive, or were refused before anything was stored. */
const undone: ReadonlySet<ProblemCode | undefined> = new Set([
  ...([
    'backlog_full',
    'busy',
    'redis_full',
    'request_timeout',
    'too_many_connections',
    'too_many_held',
  ] as const),
]);

function nothingDone({ status, problem }: ServerAnswer): boolean {
  return status === 429 || undone.has(problem?.code);
}

/** A connection that was never established carried nothing. With several addresses, each failure must prove it. */
function neverArrived(error: unknown): boolean {
  const each = failuresIn(error);
  if (each.length > 1) return each.every(neverArrived);
  if (typeof error !== 'object' || error === null) return false;
  const isOfConnecting = 'syscall' in error && ['connect', 'getaddrinfo'].includes(String(error.syscall));
  return isOfConnecting || errorCode(error) === 'UND_ERR_CONNECT_TIMEOUT';
}

/** Joins the messages: for several addresses Node has a message each, and none for all. */
const messageOf = (error: unknown): string =>
  failuresIn(error)
    .map((one) => (typeof one === 'object' && one !== null && 'message' in one ? one.message : one))
    .map(String)
    .join('; ');

/** By its shape: an error of Node itself is no `Error` of a context that was made within it. */
function failuresIn(error: unknown): readonly unknown[] {
  const isMany = typeof error === 'object' && error !== null && 'errors' in error;
  return isMany && Array.isArray(error.errors) && error.errors.length > 0 ? error.errors : [error];
}

/** `Retry-After` in seconds, as Fencepost answers it, or as a date, as a proxy may. */
function retryAfterMs(answer: ServerAnswer | undefined): number {
  const text = answer?.headers['retry-after'];
  if (typeof text !== 'string') return 0;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : Math.max(0, at - Date.now());
}
