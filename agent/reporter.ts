import { type ReportWord } from '../shared/lifecycle/transitions.js';
import { backoffMs } from '../shared/runtime/backoff.js';
import { type AgentPoint, type CrashPoints, noFaults } from '../shared/runtime/faults.js';
import { type Logger } from '../shared/runtime/logger.js';
import { pause } from '../shared/runtime/service.js';
import { type Transport } from '../shared/transport/transport.js';
import { type Journal, type JournalledReport } from './journal.js';

interface Item {
  readonly report: JournalledReport;
  readonly onAnswered: () => void;
}

/** Most outcomes in one call: a script must stay short. */
const mostPerCall = 100;
/** How long an outcome waits whose command's keys hold something else. */
const brokenPauseMs = 1000;
/** Most bytes of them: a client library and Redis both hold the whole call in memory. */
const mostBytesPerCall = 4 * 1024 * 1024;

/**
 * Brings outcomes home: into the journal, then to Fencepost, then out of the journal. Outcomes that
 * come while a call is under way go with the next one: that is where the throughput is.
 *
 * When Redis is away it tries again until it is answered. When the process dies, the journal has
 * what was not answered, and the next session reports it.
 */
export class Reporter {
  readonly #transport: Pick<Transport, 'report'>;
  readonly #journal: Journal;
  readonly #logger: Logger;
  readonly #faults: CrashPoints<AgentPoint>;
  #waiting: Item[] = [];
  #working: Promise<void> | undefined;
  readonly #abort = new AbortController();

  constructor(options: {
    transport: Pick<Transport, 'report'>;
    journal: Journal;
    faults?: CrashPoints<AgentPoint>;
    logger: Logger;
  }) {
    this.#faults = options.faults ?? noFaults;
    this.#transport = options.transport;
    this.#journal = options.journal;
    this.#logger = options.logger;
  }

  /**
   * Takes an outcome on; the rest happens by itself.
   *
   * @param onAnswered called once, when the report was answered, in whatever way
   */
  add(report: JournalledReport, onAnswered: () => void = () => undefined): void {
    this.#waiting.push({ report, onAnswered });
    this.#working ??= this.#work().finally(() => (this.#working = undefined));
  }

  /** Resolves when every outcome taken on so far was answered, or `stop()` was called. */
  async drained(): Promise<void> {
    while (this.#working) await this.#working;
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
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      await this.#journal.keep(batch.map((item) => item.report));
      this.#faults.at('journalled');
      await this.#send(batch);
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

  async #send(batch: readonly Item[]): Promise<void> {
    const reports = batch.map((item) => item.report);
    for (let tries = 1; !this.#abort.signal.aborted; tries++) {
      try {
        const words = await this.#transport.report(reports);
        reports.forEach((report, i) => this.#log(report, words[i]));
        const broken = reports.filter((_, i) => words[i] === 'broken');
        await this.#journal.drop(reports.filter((report) => !broken.includes(report)));
        batch.forEach((item) => item.onAnswered());
        this.#addLater(broken);
        return;
      } catch (error) {
        if (tries === 1)
          this.#logger.warn({ err: error }, 'outcomes wait in the journal: Redis does not answer');
        await pause(backoffMs(tries, { firstMs: 50, maxMs: 1000 }), this.#abort.signal);
      }
    }
  }

  /** Whoever put something else under a command's key may take it away again. The work goes on meanwhile. */
  #addLater(reports: readonly JournalledReport[]): void {
    if (reports.length === 0) return;
    void pause(brokenPauseMs, this.#abort.signal).then(() => {
      if (!this.#abort.signal.aborted) for (const report of reports) this.add(report);
    });
  }

  #log(report: JournalledReport, word: ReportWord | undefined): void {
    const about = { commandId: report.id, attempt: report.attempt, status: report.outcome.status };
    switch (word) {
      case 'accepted':
      case 'again':
        this.#logger.info(about, 'reported');
        break;
      case 'late':
        this.#logger.warn(about, 'late report: the attempt is no longer current; kept in the history');
        break;
      case 'gone':
        this.#logger.warn(about, 'reported a command that no longer exists');
        break;
      case 'broken':
      case undefined:
        this.#logger.error(
          about,
          'Redis holds something else under a key of this command; the outcome waits in the journal',
        );
    }
  }
}
