import { RequestRejectedError } from '../shared/client/errors.js';
import { type HeldAttempt } from '../shared/lifecycle/attempt-leases.js';
import { type ProgressUpdate } from '../shared/lifecycle/progress.js';
import { limits, type Progress } from '../shared/protocol/commands.js';
import { type Logger } from '../shared/runtime/logger.js';
import { type Transport } from './transport/transport.js';
import { attemptKey } from './slots.js';
import { storedJson } from './stored-json.js';

/** The progress that a handler reported cannot be stored: it is no JSON, or too large. */
export class InvalidProgressError extends Error {
  override readonly name = 'InvalidProgressError';
}

export interface ProgressReporterOptions {
  readonly transport: Pick<Transport, 'reportProgress'>;
  /** Between two calls; the first goes out at once. */
  readonly intervalMs?: number;
  readonly logger: Logger;
}

/** Most attempts in one call: a script must stay short. */
const mostPerCall = 100;

/**
 * Reports how far the attempts of this agent are: for each the latest value, all of them in one call, one call
 * at a time. A handler may report progress a million times a second; Redis receives it four times.
 *
 * The attempt that has waited longest comes first. A value that could not be sent is sent again with a later call,
 * unless a server refuses it. Progress decides nothing, so nothing waits for it.
 */
export class ProgressReporter {
  readonly #options: ProgressReporterOptions;
  /** The progress, by attempt, that was not sent yet, and is not on its way, in the order in which it is sent. */
  readonly #waiting = new Map<string, ProgressUpdate>();
  readonly #sequences = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #isTelling = false;
  #toldAt = -Infinity;
  #failing = false;
  #hasRefused = false;

  constructor(options: ProgressReporterOptions) {
    this.#options = options;
  }

  /** @throws InvalidProgressError */
  note(attempt: HeldAttempt, progress: Progress): void {
    const text = textOf(progress);
    const key = attemptKey(attempt);
    // Also counted when nothing is sent: of two calls under way, the value that is later here wins there.
    const sequence = (this.#sequences.get(key) ?? 0) + 1;
    this.#sequences.set(key, sequence);
    this.#waiting.set(key, { id: attempt.id, attempt: attempt.attempt, sequence, progress: text });
    this.#tellSoon();
  }

  /** Ends an attempt: its latest progress goes out ahead of its report, and nothing after that. */
  end(attempt: HeldAttempt): void {
    // Most handlers report no progress, and this is called for every command.
    if (this.#sequences.size === 0) return;
    const key = attemptKey(attempt);
    if (!this.#sequences.delete(key)) return;
    const last = this.#waiting.get(key);
    this.#waiting.delete(key);
    if (last) this.#options.transport.reportProgress([last]).catch(() => undefined);
  }

  #tellSoon(): void {
    if (this.#isTelling || this.#timer !== undefined) return;
    const { intervalMs = 250 } = this.#options;
    const waitMs = Math.max(0, this.#toldAt + intervalMs - performance.now());
    this.#timer = setTimeout(() => void this.#tell(), waitMs);
    // The timer must not be what keeps an ending process alive.
    this.#timer.unref();
  }

  async #tell(): Promise<void> {
    this.#timer = undefined;
    // Every attempt that reported progress has ended meanwhile.
    if (this.#waiting.size === 0) return;
    this.#isTelling = true;
    this.#toldAt = performance.now();
    const batch = [...this.#waiting.values()].slice(0, mostPerCall);
    // Deleted before the call: progress during the call goes to the end of the queue, or other attempts would starve.
    for (const one of batch) this.#waiting.delete(attemptKey(one));
    try {
      await this.#send(batch);
      if (this.#failing) this.#options.logger.info('sending progress works again');
      this.#failing = false;
    } catch (error) {
      this.#putBack(batch);
      if (!this.#failing) this.#options.logger.warn({ err: error }, 'sending progress failed; retrying');
      this.#failing = true;
    }
    this.#isTelling = false;
    if (this.#waiting.size > 0) this.#tellSoon();
  }

  /** Sends a batch, and halves one that is refused: a refusal is final, and must not hold up the other attempts. */
  async #send(batch: readonly ProgressUpdate[]): Promise<void> {
    try {
      await this.#options.transport.reportProgress(batch);
    } catch (error) {
      if (!(error instanceof RequestRejectedError)) throw error;
      const isForItems = error.status === 400 || error.status === 413;
      if (!isForItems || batch.length === 1) return this.#logRefused(error);
      const half = Math.ceil(batch.length / 2);
      await this.#send(batch.slice(0, half));
      await this.#send(batch.slice(half));
    }
  }

  #putBack(batch: readonly ProgressUpdate[]): void {
    for (const one of batch) {
      const key = attemptKey(one);
      // A value that came meanwhile is newer; and for an attempt that is over nothing more is sent.
      if (this.#sequences.has(key) && !this.#waiting.has(key)) this.#waiting.set(key, one);
    }
  }

  #logRefused(error: RequestRejectedError): void {
    if (!this.#hasRefused) this.#options.logger.warn({ err: error }, 'server rejected progress updates');
    this.#hasRefused = true;
  }
}

/** Returns what is stored: a copy made now, since the handler may go on changing what it gave. */
function textOf(progress: Progress): string {
  const stored = storedJson(progress, { bytes: limits.progressBytes, levels: limits.progressDepth });
  if ('why' in stored) throw new InvalidProgressError(`progress ${stored.why}`);
  if (stored.text === 'null')
    throw new InvalidProgressError('progress must be a number, or other JSON than null');
  return stored.text;
}
