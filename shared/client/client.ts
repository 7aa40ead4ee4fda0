import { v7 } from 'uuid';
import { type z } from 'zod';
import { drainingSchema } from '../protocol/agent-api.js';
import {
  agentListSchema,
  batchSubmittedSchema,
  commandListSchema,
  queueListSchema,
  type QueueView,
  queueViewSchema,
  readinessSchema,
  statsSchema,
  submittedSchema,
  typeListSchema,
} from '../protocol/api.js';
import { asSent } from '../protocol/as-sent.js';
import { commandViewSchema } from '../protocol/commands.js';
import {
  cancelledManySchema,
  cancelledSchema,
  retriedManySchema,
  retriedSchema,
} from '../protocol/control-api.js';
import {
  type CallOptions,
  type CancelSummary,
  type CancelFilter,
  type ClientOptions,
  type Command,
  type ListedCommand,
  type ListFilter,
  type ManyOptions,
  type RetrySummary,
  type RetryFilter,
  type Submission,
  type SubmitOptions,
} from './client-options.js';
import { type ClientEvent, type EventsOptions, readEvents } from './events.js';
import {
  checkIdempotencyKey,
  checkNumbers,
  commandPath,
  parse,
  type Query,
  queryOf,
  segmentOf,
} from './messages.js';
import {
  retryFor,
  refusalOf,
  type RetryCondition,
  type ServerAnswer,
  type ServerCall,
  ServerCalls,
} from './server-calls.js';
import { waitFor, type WaitOptions } from './waiting.js';

export type * from './client-options.js';

/** For a far server with much to do: how many calls may be under way at once. */
const mostConnections = 32;

/**
 * A client of Fencepost's servers. Answers are validated: every result matches its declared type.
 *
 * Calls that are safe to repeat are sent again, with exponential backoff and full jitter, when a
 * connection breaks, an answer does not come, or a server cannot serve now (`Retry-After` is heeded).
 * They end as ServerUnavailableError when that lasts. An answer that refuses is thrown at once, as RequestRejectedError.
 */
export class Client {
  readonly #calls: ServerCalls;

  /** @throws TypeError for options that cannot be used */
  constructor({
    url = 'http://127.0.0.1:3000',
    token,
    headers,
    timeoutMs = 10_000,
    retryForMs = 30_000,
    onAway,
    onBack,
  }: ClientOptions = {}) {
    this.#calls = new ServerCalls({
      urls: typeof url === 'string' ? [url] : url,
      credentials: { token, headers },
      tryMs: timeoutMs,
      connections: mostConnections,
      patience: retryFor(retryForMs),
      onAway,
      onBack,
    });
  }

  /**
   * Stores a command, once: with its key, a request whose answer was lost is found again.
   *
   * @returns created: false when the key had come before with the same body, by an earlier call or, if the
   *   key was given, by an earlier try of this one
   */
  async submit(
    submission: Submission,
    { idempotencyKey, signal }: SubmitOptions = {},
  ): Promise<{ commandId: string; created: boolean }> {
    const key = idempotencyKey ?? submission.idempotencyKey;
    if (key !== undefined) checkIdempotencyKey(key);
    checkNumbers(submission);
    const headers = { 'idempotency-key': key ?? v7() };
    const answer = await this.#call({ method: 'POST', path: 'commands', body: submission, headers, signal });
    const { commandId } = parse(submittedSchema, answer);
    // A key that was generated here is known to no other client.
    return { commandId, created: key === undefined || answer.status === 202 };
  }

  /**
   * Stores up to 1,000 commands, all of them or none, once: with its key, a request whose answer was lost is
   * found again. A command with an `idempotencyKey` of its own goes by that, whichever batch it comes with.
   *
   * @returns created: false when all of them had come before, as `submit` says it
   */
  async submitBatch(
    submissions: readonly Submission[],
    { idempotencyKey, signal }: SubmitOptions = {},
  ): Promise<{ commandIds: string[]; created: boolean }> {
    if (idempotencyKey !== undefined) checkIdempotencyKey(idempotencyKey);
    const body = { commands: submissions };
    checkNumbers(body);
    const headers = { 'idempotency-key': idempotencyKey ?? v7() };
    const answer = await this.#call({ method: 'POST', path: 'commands/batch', body, headers, signal });
    const isOwnKey =
      idempotencyKey !== undefined || submissions.every((one) => one.idempotencyKey !== undefined);
    return { ...parse(batchSubmittedSchema, answer), created: !isOwnKey || answer.status === 202 };
  }

  /** @throws RequestRejectedError with code `not_found` when there is none */
  async get(commandId: string, { signal }: CallOptions = {}): Promise<Command> {
    return commandIn(await this.#call({ method: 'GET', path: commandPath(commandId), signal }));
  }

  /**
   * Waits until a command has ended, COMPLETED or FAILED, through restarts of servers and of Redis.
   *
   * @throws WaitTimeoutError with the command as it was seen last; the command goes on
   */
  wait(commandId: string, options: WaitOptions = {}): Promise<Command> {
    const { closed } = this.#calls;
    return waitFor(commandId, { ...options, closed }, async (waitSeconds, signal) => {
      const path = `${commandPath(commandId)}?wait=${waitSeconds}`;
      const answer = await this.#call({ method: 'GET', path, waitMs: waitSeconds * 1000, signal });
      return commandIn(answer);
    });
  }

  /** Commands, newest first; read page by page, as far as the loop goes. */
  async *list(
    filter: ListFilter = {},
    { signal }: CallOptions = {},
  ): AsyncGenerator<ListedCommand, void, undefined> {
    let cursor: string | undefined;
    do {
      const path = `commands${queryOf({ ...filter, cursor })}`;
      const page = parse(commandListSchema, await this.#call({ method: 'GET', path, signal }));
      yield* page.commands;
      // A short page, or an empty one, is not the last: a server looks at a bounded number for each.
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** Ends a waiting command at once, and asks the agent of a running one to stop: `wait` returns how it ended. */
  async cancel(commandId: string, { signal }: CallOptions = {}) {
    const path = `${commandPath(commandId)}/cancel`;
    return parse(cancelledSchema, await this.#call({ method: 'POST', path, signal }));
  }

  /**
   * Lets a FAILED command be executed again. It names the failure that is meant, so that the call begins
   * one life however often it is sent.
   *
   * @param options finishedAt: of the failure that is meant; looked up when left out
   */
  async retry(
    commandId: string,
    { finishedAt, signal }: CallOptions & { readonly finishedAt?: string } = {},
  ) {
    const meant = finishedAt ?? (await this.get(commandId, { signal })).finishedAt;
    const path = `${commandPath(commandId)}/retry${queryOf({ finishedAt: meant ?? undefined })}`;
    // Without a failure to name it is refused, unless the command fails at this very moment.
    const resend = meant === null ? 'undone' : 'always';
    return parse(retriedSchema, await this.#call({ method: 'POST', path, signal }, resend));
  }

  /**
   * Cancels what waits, or runs, and passes the filter, step by step.
   *
   * @returns how many; those of a step whose answer was lost are not counted
   */
  async cancelAll(
    filter: CancelFilter,
    { signal, onPage }: ManyOptions<CancelSummary> = {},
  ): Promise<CancelSummary> {
    const sum = { cancelled: 0, requested: 0, skipped: 0 };
    for await (const step of this.#steps('commands/cancel', filter, cancelledManySchema, 'always', signal)) {
      sum.cancelled += step.cancelled;
      sum.requested += step.requested;
      sum.skipped += step.skipped;
      onPage?.({ ...sum });
    }
    return sum;
  }

  /**
   * Retries what FAILED and passes the filter, step by step.
   *
   * @throws ResponseLostError: some may have been retried. Called again, it takes those that are still FAILED,
   *   and those that have failed again since
   */
  async retryAll(
    filter: RetryFilter = {},
    { signal, onPage }: ManyOptions<RetrySummary> = {},
  ): Promise<RetrySummary> {
    const sum = { retried: 0, mayStillRun: 0, skipped: 0 };
    const all = { status: 'FAILED', ...filter };
    for await (const step of this.#steps('commands/retry', all, retriedManySchema, 'undone', signal)) {
      sum.retried += step.retried;
      sum.mayStillRun += step.mayStillRun;
      sum.skipped += step.skipped;
      onPage?.({ ...sum });
    }
    return sum;
  }

  /** Transitions as they happen, without an end: it connects again by itself, and goes on where it was. */
  events(options: EventsOptions = {}): AsyncGenerator<ClientEvent, void, undefined> {
    return readEvents(this.#calls, options);
  }

  async agents({ signal }: CallOptions = {}) {
    return parse(agentListSchema, await this.#call({ method: 'GET', path: 'agents', signal })).agents;
  }

  /** Lets an agent take no more commands, until its next run. */
  async drain(agentId: string, { signal }: CallOptions = {}) {
    const path = `agents/${segmentOf('agentId', agentId)}/drain`;
    return parse(drainingSchema, await this.#call({ method: 'POST', path, signal }));
  }

  /** All of them, page by page. */
  async queues({ signal }: CallOptions = {}) {
    const all: QueueView[] = [];
    let path = 'queues';
    for (;;) {
      const page = parse(queueListSchema, await this.#call({ method: 'GET', path, signal }));
      all.push(...page.queues);
      if (page.nextCursor === null) return all;
      path = `queues?cursor=${page.nextCursor}`;
    }
  }

  /** Nothing is started from a queue until it is resumed; what runs goes on. */
  pauseQueue(queue: string, { signal }: CallOptions = {}) {
    return this.#changeQueue(queue, 'pause', signal);
  }

  resumeQueue(queue: string, { signal }: CallOptions = {}) {
    return this.#changeQueue(queue, 'resume', signal);
  }

  async types({ signal }: CallOptions = {}) {
    return parse(typeListSchema, await this.#call({ method: 'GET', path: 'types', signal })).types;
  }

  async stats({ signal }: CallOptions = {}) {
    return parse(statsSchema, await this.#call({ method: 'GET', path: 'stats', signal }));
  }

  /** Whether Redis runs in a way that the guarantees hold with. A server that is not ready is asked again, for `retryForMs`. */
  async ready({ signal }: CallOptions = {}) {
    return parse(readinessSchema, await this.#call({ method: 'GET', path: 'ready', signal }));
  }

  /** Ends what is under way, with ClientClosedError, and every connection. */
  close(): Promise<void> {
    return this.#calls.close();
  }

  async #changeQueue(queue: string, what: 'pause' | 'resume', signal: AbortSignal | undefined) {
    const path = `queues/${segmentOf('queue', queue)}/${what}`;
    return parse(queueViewSchema, await this.#call({ method: 'POST', path, signal }));
  }

  async *#steps<Step extends { readonly nextCursor: string | null }>(
    path: string,
    filter: Query,
    schema: z.ZodType<Step>,
    resend: RetryCondition,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Step, void, undefined> {
    let cursor: string | undefined;
    do {
      const query = queryOf({ ...filter, cursor });
      const step = parse(
        schema,
        await this.#call({ method: 'POST', path: `${path}${query}`, signal }, resend),
      );
      yield step;
      cursor = step.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** @throws RequestRejectedError for every answer that is an error */
  async #call(call: ServerCall, resend: RetryCondition = 'always'): Promise<ServerAnswer> {
    const answer = await this.#calls.call(call, resend);
    if (answer.status >= 300) throw refusalOf(answer);
    return answer;
  }
}

const commandIn = (answer: ServerAnswer): Command =>
  asSent(parse(commandViewSchema, answer), answer.body, ['payload', 'result', 'progress']);

export function createClient(options: ClientOptions = {}): Client {
  return new Client(options);
}
