import { z } from 'zod';
import { type Submission } from '../shared/protocol/commands.js';

/** A client's POST and what became of it. */
export interface Post {
  /** Position of the call and of its answer among all events of this log: an order without clocks. */
  readonly begin: number;
  readonly end: number;
  readonly idempotencyKey: string | null;
  /** How many commands it submitted. */
  readonly count: number;
  /**
   * `accepted`: answered 2xx, with an id for each. `refused`: answered 4xx, or 503 `busy`, so it does not exist.
   * `unknown`: no answer, or another 5xx: it may exist, and it may come into being later.
   */
  readonly outcome: 'accepted' | 'refused' | 'unknown';
  readonly ids: readonly string[];
  /** With `refused`: status and body of the answer. */
  readonly refusal?: string | undefined;
}

/** A client's GET of one command that was answered 200 or 404; other answers prove nothing. */
export interface Sighting {
  readonly begin: number;
  readonly end: number;
  readonly commandId: string;
  /** null: 404. */
  readonly view: SeenCommand | null;
}

/** A pause that an operator asked for, by the wall clock of the machine that Redis runs on. */
export interface Pause {
  readonly queue: string;
  /** When the answer was there: nothing may be started from the queue from then on … */
  readonly answeredAtMs: number;
  /** … until this, when an operator first asked to resume it; undefined: none did. */
  resumedAtMs?: number;
}

/** The part of a command's view that is checked. The product's own schema would make the check depend on it. */
const seenSchema = z.object({
  commandId: z.string(),
  status: z.string(),
  attempt: z.int(),
  result: z.json(),
  progress: z.json().optional(),
  finishedAt: z.string().nullable().optional(),
});
export type SeenCommand = z.infer<typeof seenSchema>;

/** An operator's request, and its outcome. */
export interface Operation {
  readonly action: 'cancel' | 'retry';
  /** null: of whatever passed a filter. */
  readonly commandId: string | null;
  /** The failure that a retry meant; null: the latest one, any that it is. */
  readonly finishedAt: string | null;
  /** `unknown`: no answer, or a 5xx: it may have been done, and it may be done later. */
  readonly outcome: 'done' | 'requested' | 'refused' | 'unknown';
}

const operationSchema = z.object({ state: z.string().optional() });
const actionIn = /^\/commands\/(?:([0-9a-f-]{36})\/)?(cancel|retry)$/;

const acceptedSchema = z.object({ commandId: z.string() });
const batchAcceptedSchema = z.object({ commandIds: z.array(z.string()) });

export interface SubmitOptions {
  readonly idempotencyKey?: string;
  /** After this the client gives up, and the outcome is unknown. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 10_000;

/**
 * The record of what the clients of a run saw, in the order in which they saw it. One log may serve any
 * number of clients. Every submission of a run must go through it, or be noted in it: the history checker
 * reports a command that no client asked for as a violation.
 */
export class ClientLog {
  readonly posts: Post[] = [];
  readonly sightings: Sighting[] = [];
  readonly pauses: Pause[] = [];
  readonly operations: Operation[] = [];
  #events = 0;

  /** Submits one command over HTTP. Never throws: an answer that did not come is an outcome. */
  async submit(serverUrl: string, submission: Submission, options: SubmitOptions = {}): Promise<Post> {
    return this.#post(new URL('/commands', serverUrl), submission, 1, options, (body) => [
      acceptedSchema.parse(body).commandId,
    ]);
  }

  /** Submits many commands in one request. */
  async submitBatch(
    serverUrl: string,
    commands: readonly Submission[],
    options: SubmitOptions = {},
  ): Promise<Post> {
    const url = new URL('/commands/batch', serverUrl);
    return this.#post(url, { commands }, commands.length, options, (body) => {
      const ids = batchAcceptedSchema.parse(body).commandIds;
      if (ids.length !== commands.length) throw new Error('an id is missing');
      return ids;
    });
  }

  /**
   * Reads a command over HTTP.
   *
   * @param waitSeconds how long the server may hold the answer for a terminal status
   * @returns the view; null if it does not exist; undefined if there was no usable answer
   */
  async read(
    serverUrl: string,
    commandId: string,
    { waitSeconds = 0, timeoutMs = defaultTimeoutMs }: { waitSeconds?: number; timeoutMs?: number } = {},
  ): Promise<SeenCommand | null | undefined> {
    const url = new URL(`/commands/${commandId}`, serverUrl);
    if (waitSeconds > 0) url.searchParams.set('wait', String(waitSeconds));
    const begin = ++this.#events;
    try {
      const signal = AbortSignal.timeout(timeoutMs + waitSeconds * 1000);
      const answer = await fetch(url, { signal });
      const body: unknown = await answer.json();
      if (answer.status !== 200 && answer.status !== 404) return undefined;
      const view = answer.status === 404 ? null : seenSchema.parse(body);
      this.sightings.push({ begin, end: ++this.#events, commandId, view });
      return view;
    } catch {
      return undefined;
    }
  }

  /**
   * Cancels or retries: a POST without a body. Never throws, like `submit`. Every such request of a run
   * must go through here, or be noted: the history checker reports what no operator asked for as a violation.
   *
   * @returns what became of it, with the answer's status and body when there was one
   */
  async operate(
    serverUrl: string,
    path: string,
    { timeoutMs = defaultTimeoutMs }: { timeoutMs?: number } = {},
  ): Promise<Operation & { readonly status?: number; readonly body?: unknown }> {
    const url = new URL(path, serverUrl);
    const [, id, action] = actionIn.exec(url.pathname) ?? [];
    const about = {
      action: action === 'retry' ? ('retry' as const) : ('cancel' as const),
      commandId: id ?? null,
      finishedAt: url.searchParams.get('finishedAt'),
    };
    try {
      const answer = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(timeoutMs) });
      const body: unknown = await answer.json();
      const { status } = answer;
      const isRequested = status < 300 && operationSchema.parse(body).state === 'requested';
      const done = isRequested ? 'requested' : status < 300 ? 'done' : undefined;
      return {
        ...this.noteOperation({ ...about, outcome: done ?? (status < 500 ? 'refused' : 'unknown') }),
        status,
        body,
      };
    } catch {
      return this.noteOperation({ ...about, outcome: 'unknown' });
    }
  }

  noteOperation(operation: Operation): Operation {
    this.operations.push(operation);
    return operation;
  }

  /** Notes a submission that was made by other means, such as a raw socket, or by hand. */
  note(
    outcome: Post['outcome'],
    ids: readonly string[],
    { idempotencyKey = '', count = ids.length } = {},
  ): Post {
    const begin = ++this.#events;
    const post = { begin, end: ++this.#events, idempotencyKey: idempotencyKey || null, count, outcome, ids };
    this.posts.push(post);
    return post;
  }

  /** Notes what a client saw of a command by other means; null if the answer was that there is none. */
  noteSighting(commandId: string, view: SeenCommand | null): void {
    const begin = ++this.#events;
    this.sightings.push({ begin, end: ++this.#events, commandId, view });
  }

  /** Ids of all commands whose acceptance was reported to a client. */
  accepted(): Set<string> {
    return new Set(this.posts.flatMap((post) => (post.outcome === 'accepted' ? post.ids : [])));
  }

  async #post(
    url: URL,
    body: unknown,
    count: number,
    { idempotencyKey, timeoutMs = defaultTimeoutMs }: SubmitOptions,
    idsIn: (body: unknown) => string[],
  ): Promise<Post> {
    const begin = ++this.#events;
    let outcome: Post['outcome'] = 'unknown';
    let ids: string[] = [];
    let refusal: string | undefined;
    try {
      const answer = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const answered: unknown = await answer.json();
      if (answer.ok) {
        ids = idsIn(answered);
        outcome = 'accepted';
      } else if (answer.status < 500 || isBusy(answered)) {
        outcome = 'refused';
        refusal = `${answer.status} ${JSON.stringify(answered)}`;
      }
    } catch {
      // No answer, half an answer, or one without ids: whether it exists is unknown.
    }
    const key = idempotencyKey ?? null;
    const post = { begin, end: ++this.#events, idempotencyKey: key, count, outcome, ids, refusal };
    this.posts.push(post);
    return post;
  }
}

/** Whether the server answered that it stored nothing, and that the request is to be sent again. */
const isBusy = (body: unknown) =>
  typeof body === 'object' && body !== null && 'code' in body && body.code === 'busy';
