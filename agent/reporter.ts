import { type ReportWord } from '../shared/lifecycle/transitions.js';
import { backoffMs } from '../shared/runtime/backoff.js';
import { type AgentFaults, noFaults } from '../shared/runtime/faults.js';
import { type Logger } from '../shared/runtime/logger.js';
import { pause } from '../shared/runtime/service.js';
import { type Transport, type Turn } from './transport/transport.js';
import { type JournalledReport } from './journal-records.js';
import { type Kept, type OutcomeLog } from './outcome-log.js';

interface Item {
  readonly report: JournalledReport;
  readonly onAnswered: () => void;
  /** The record in the journal, once it is there. */
  kept?: Kept | undefined;
}

/** Most outcomes in one call: a script must stay short. */
const mostPerCall = 200;
/** How long an outcome waits whose command's keys hold something else. */
const brokenPauseMs = 1000;
/** Most bytes of them: a client library and Redis both hold the whole call in memory. */
const mostBytesPerCall = 4 * 1024 * 1024;

export interface ReporterOptions {
  readonly transport: Pick<Transport, 'report'>;
  readonly outcomes: OutcomeLog;
  /** Returns what a call may start once these are reported; undefined when nothing more is to be started. */
  readonly turn?: (reports: readonly JournalledReport[]) => Turn | undefined;
  /** Whether nothing else is being executed, so that no other outcome can be added in this event-loop tick. */
  readonly isLast?: () => boolean;
  /** Called at each failed write of the journal: an agent that cannot keep outcomes must not execute commands. */
  readonly onUnwritable: (error: unknown) => void;
  readonly faults?: AgentFaults;
  readonly logger: Logger;
}

/**
 * Takes outcomes into the journal, to Fencepost, and out of the journal. Nothing waits until the journal's disk has
 * synced them (docs/decisions/0017). Outcomes that are added while a call is under way go with the next one: that is
 * where the throughput is.
 *
 * When Redis is away a call is retried until it is answered; what is refused for its value is the
 * transport's to report otherwise (refused-outcomes.ts). When the process dies, the journal has what
 * was not answered, and the next session reports it.
 */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #faults: AgentFaults;
  #waiting: Item[] = [];
  #working: Promise<void> | undefined;
  #isKeeping = false;
  readonly #abort = new AbortController();

  constructor(options: ReporterOptions) {
    this.#options = options;
    this.#faults = options.faults ?? noFaults;
  }

  /**
   * Takes an outcome on; the rest happens by itself.
   *
   * @param onAnswered called once, when the report was answered, in whatever way
   * @param kept its record, when it is in the journal already
   */
  add(report: JournalledReport, onAnswered: () => void = () => undefined, kept?: Kept): void {
    this.#push([{ report, onAnswered, kept }]);
  }

  /** Takes on what an earlier session left in the journal. */
  addAll(left: readonly { readonly report: JournalledReport; readonly kept: Kept }[]): void {
    this.#push(left.map(({ report, kept }) => ({ report, kept, onAnswered: () => undefined })));
  }

  #push(items: readonly Item[]): void {
    this.#waiting.push(...items);
    if (this.#working) this.#keepSoon();
    else if (items.length > 0) this.#working = this.#work().finally(() => (this.#working = undefined));
  }

  /** Outcomes that wait for a call under way are in the journal meanwhile: that call takes as long as Redis is away. */
  #keepSoon(): void {
    if (this.#isKeeping) return;
    this.#isKeeping = true;
    setImmediate(() => {
      this.#isKeeping = false;
      try {
        this.#keep(this.#waiting);
      } catch {
        // The write is retried before they are sent, and an error of it is handled then.
      }
    });
  }

  /** Resolves when every outcome taken on so far was answered, or `stop()` was called. */
  async drained(): Promise<void> {
    while (this.#working) await this.#working;
    this.#options.outcomes.tidy();
  }

  /** Gives up on what Redis does not answer: it stays in the journal. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    // All outcomes of this event-loop tick go into one journal write and one call.
    if (this.#waiting.length > 1 || !this.#options.isLast?.())
      await new Promise((resolve) => setImmediate(resolve));
    // Also after `stop()`: an outcome that is only in memory would be lost.
    while (this.#waiting.length > 0) await this.#persistAndReport(this.#take());
  }

  async #persistAndReport(batch: readonly Item[]): Promise<void> {
    let failure: unknown;
    try {
      this.#keep(batch);
    } catch (error) {
      // A full disk, for instance: Fencepost has the outcome all the same, and then this agent stops in good order.
      failure = error;
    }
    this.#faults.at('journalled');
    const words = await this.#send(batch);
    if (words) this.#settle(batch, words);
    if (failure !== undefined) this.#options.onUnwritable(failure);
  }

  #keep(batch: readonly Item[]): void {
    const fresh = batch.filter(({ kept }) => kept === undefined);
    if (fresh.length > 0) {
      const kept = this.#options.outcomes.keep(fresh.map(({ report }) => report));
      for (const item of fresh) item.kept = kept;
    }
  }

  #take(): Item[] {
    let bytes = 0;
    let count = 0;
    for (const { report } of this.#waiting) {
      bytes += report.outcome.result?.length ?? 0;
      if (count === mostPerCall || (count > 0 && bytes > mostBytesPerCall)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** @returns the words, or undefined when `stop()` came before the answer */
  async #send(batch: readonly Item[]): Promise<ReportWord[] | undefined> {
    const { transport, turn, logger } = this.#options;
    const reports = batch.map(({ report }) => report);
    for (let tries = 1; !this.#abort.signal.aborted; tries++) {
      try {
        return await transport.report(reports, turn?.(reports));
      } catch (error) {
        if (tries === 1) logger.warn({ err: error }, 'Fencepost unreachable; outcomes kept in the journal');
        await pause(backoffMs(tries, { firstMs: 50, maxMs: 1000 }), this.#abort.signal);
      }
    }
    return undefined;
  }

  #settle(batch: readonly Item[], words: readonly ReportWord[]): void {
    const broken: Item[] = [];
    batch.forEach((item, i) => {
      this.#log(item.report, words[i]);
      if (words[i] === 'broken') broken.push({ ...item, onAnswered: () => undefined });
      else if (item.kept) this.#options.outcomes.answered(item.kept);
      item.onAnswered();
    });
    this.#addLater(broken);
  }

  /** Retries later: what else is under a command's key may be removed again. The work goes on meanwhile. */
  #addLater(items: readonly Item[]): void {
    if (items.length === 0) return;
    void pause(brokenPauseMs, this.#abort.signal).then(() => {
      if (!this.#abort.signal.aborted) this.#push(items);
    });
  }

  #log(report: JournalledReport, word: ReportWord | undefined): void {
    const { logger } = this.#options;
    if (word === 'accepted' && !logger.isLevelEnabled('info')) return;
    const about = { commandId: report.id, attempt: report.attempt, status: report.outcome.status };
    switch (word) {
      case 'accepted':
      case 'again':
        logger.info(about, 'reported');
        break;
      case 'late':
        logger.warn(about, 'late report: the attempt is no longer current; kept in the history');
        break;
      case 'gone':
        logger.warn(about, 'reported a command that no longer exists');
        break;
      case 'broken':
      case undefined:
        logger.error(
          about,
          'Redis holds something else under a key of this command; the outcome waits in the journal',
        );
    }
  }
}
