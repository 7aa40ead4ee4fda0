import { type z } from 'zod';
import { type CommandSummary, type ListQuery } from '../protocol/api.js';
import { type CommandView, type submissionSchema } from '../protocol/commands.js';
import { type CancelQuery, type RetryQuery } from '../protocol/control-api.js';

/** The inputs and results of a client. Inferred from the schemas of the API, and never written twice. */

export interface ClientOptions {
  /**
   * Where a server is reached; `http://127.0.0.1:3000` when left out. Of several, any will do: the one that
   * answered last is asked first, and when it does not answer the next one is. With `user:password@` each request
   * to that server carries them (Basic).
   */
  readonly url?: string | readonly string[] | undefined;
  /** Sent as `Authorization: Bearer …` to each server. */
  readonly token?: string | undefined;
  /** Sent to each server with each request. They are not sent to where a server redirects: that is not followed. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Called once when servers have stopped answering and calls are sent again: what the last try failed with. */
  readonly onAway?: ((reason: string) => void) | undefined;
  /** Called when one answers after that. */
  readonly onBack?: (() => void) | undefined;
  /** How long one try may take; 10 s when left out. */
  readonly timeoutMs?: number | undefined;
  /** How long a call that is not answered is sent again, before it fails; 30 s when left out, 0: it is sent once. */
  readonly retryForMs?: number | undefined;
}

export interface CallOptions {
  /** Aborted: the call ends with the signal's reason. Whether it was carried out is then unknown. */
  readonly signal?: AbortSignal | undefined;
}

/** Options of a call that acts on many commands, step by step. */
export interface ManyOptions<Sum> extends CallOptions {
  /** Called after each step with the sum of all steps so far, so that a caller can show the progress. */
  readonly onPage?: ((sum: Sum) => void) | undefined;
}
export interface CancelSummary {
  readonly cancelled: number;
  readonly requested: number;
  readonly skipped: number;
}
export interface RetrySummary {
  readonly retried: number;
  readonly mayStillRun: number;
  readonly skipped: number;
}

export interface SubmitOptions extends CallOptions {
  /** 1 to 255 visible ASCII characters; when left out that of the submission, or one that is made for this call. */
  readonly idempotencyKey?: string | undefined;
}

/** The command to execute, and how. A `bigint` is no JSON: a number beyond 2^53 belongs in a string. */
export type Submission = z.input<typeof submissionSchema>;
/** A command as `get` and `wait` return it. */
export type Command = CommandView;
/** A command as `list` returns it: without payload, result and history, which may be large. */
export type ListedCommand = CommandSummary;

/** `limit`: how many are asked for at a time. */
export type ListFilter = Partial<Omit<ListQuery, 'cursor'>>;
export type CancelFilter = Omit<CancelQuery, 'limit' | 'cursor'>;
export type RetryFilter = Omit<RetryQuery, 'status' | 'limit' | 'cursor'>;
