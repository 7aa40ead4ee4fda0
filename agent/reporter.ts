import { type ReportWord } from '../shared/lifecycle/transitions.js';
import { backoffMs } from '../shared/runtime/backoff.js';
import { type AgentFaults, noFaults } from '../shared/runtime/faults.js';
import { type Logger } from '../shared/runtime/logger.js';
import { pause } from '../shared/runtime/service.js';
import { type Transport, type Turn } from '../shared/transport/transport.js';
import { type Journal, type Kept } from './journal.js';
import { type JournalledReport } from './journal-records.js';

interface Item {
  readonly report: JournalledReport;
  readonly onAnswered: () => void;
  /** Its record in the journal, once it is there. */
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
  readonly journal: Journal;
  /** What a call may start once these are reported; undefined when nothing more is to be started. */
  readonly turn?: (reports: readonly JournalledReport[]) => Turn | undefined;
  /** The journal cannot be written: who cannot keep outcomes must not execute commands. Called at each failure. */
  readonly onUnwritable: (error: unknown) => void;
  readonly faults?: AgentFaults;
  readonly logger: Logger;
}

/**
 * Brings outcomes home: into the journal and to Fencepost at the same time, then out of the journal.
 * Nobody waits for the one before the other begins (docs/decisions/0006): whichever a crash leaves
 * undone, the other has it, or nobody was told of the outcome. Outcomes that come while a call is
 * under way go with the next one: that is where the throughput is.
 *
 * When Redis is away it tries again until it is answered; what is refused for its value is the
 * transport's to report otherwise (refused-outcomes.ts). When the process dies, the journal has what
 * was not answered, and the next session reports it.
 */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #faults: AgentFaults;
  #waiting: Item[] = [];
  #working: Promise<void> | undefined;
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
    this.#push({ report, onAnswered, kept });
  }

  #push(item: Item): void {
    this.#waiting.push(item);
    this.#working ??= this.#work().finally(() => (this.#working = undefined));
  }

  /** Resolves when every outcome taken on so far was answered, or `stop()` was called. */
  async drained(): Promise<void> {
    while (this.#working) await this.#working;
    // What it cannot forget is reported and answered once more; a stop that failed here would hand nothing back.
    await this.#options.journal.tidy().catch((error: unknown) => this.#options.onUnwritable(error));
  }

  /** Gives up on what Redis does not answer: it stays in the journal. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#working;
  }

  async #work(): Promise<void> {
    // What ends in this turn of the event loop goes into one journal write and one call.
    await new Promise((resolve) => setImmediate(resolve));
    // Also after `stop()`: an outcome that is only in memory would be lost.
    while (this.#waiting.length > 0) await this.#bringHome(this.#take());
  }

  async #bringHome(batch: readonly Item[]): Promise<void> {
    const keeping = this.#keep(batch);
    // One that is to die with what only its journal knows must not have sent it.
    if (this.#faults.isDueAt('journalled')) await keeping;
    const [kept, sent] = await Promise.allSettled([keeping, this.#send(batch)]);
    // Not before both are done: an outcome that only Redis has is settled, but its record comes yet.
    if (sent.status === 'fulfilled' && sent.value) this.#settle(batch, sent.value);
    // A disk that is full, for instance: Redis is told all the same, while this agent stops in good order.
    if (kept.status === 'rejected') this.#options.onUnwritable(kept.reason);
  }

  async #keep(batch: readonly Item[]): Promise<void> {
    const fresh = batch.filter(({ kept }) => kept === undefined);
    if (fresh.length > 0) {
      const kept = await this.#options.journal.keep(fresh.map(({ report }) => report));
      for (const item of fresh) item.kept = kept;
    }
    this.#faults.at('journalled');
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
        if (tries === 1) logger.warn({ err: error }, 'outcomes wait in the journal: Redis does not answer');
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
      else if (item.kept) this.#options.journal.answered(item.kept);
      item.onAnswered();
    });
    this.#addLater(broken);
  }

  /** Whoever put something else under a command's key may take it away again. The work goes on meanwhile. */
  #addLater(items: readonly Item[]): void {
    if (items.length === 0) return;
    void pause(brokenPauseMs, this.#abort.signal).then(() => {
      if (!this.#abort.signal.aborted) for (const item of items) this.#push(item);
    });
  }

  #log(report: JournalledReport, word: ReportWord | undefined): void {
    const { logger } = this.#options;
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
