import { renameSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory } from '../shared/runtime/make-directory.js';
import { type JournalledReport } from './journal-records.js';
import { type EarlierOutcomes, inParts, readEarlier } from './earlier-outcomes.js';
import { lineOf } from './outcome-line.js';
import { OutcomeSegment, syncDirectory } from './outcome-segment.js';

/** How long an outcome may be unanswered before its disk is asked to sync it. */
const syncAfterMs = 2;
/** How long after an answer the log records what is spent, when nothing else is written meanwhile. */
const tidyAfterMs = 200;
/** From so many bytes on a new segment is begun. */
const segmentBytes = 4 * 1024 * 1024;

/** Outcomes that were journalled together: one record, which is spent when the last of them was answered. */
export class Kept {
  readonly record: number;
  readonly reports: readonly JournalledReport[];
  readonly segment: OutcomeSegment;
  #unanswered: number;

  constructor(record: number, reports: readonly JournalledReport[], segment: OutcomeSegment) {
    this.record = record;
    this.reports = reports;
    this.segment = segment;
    this.#unanswered = reports.length;
  }

  /** Counts an answer to one of the outcomes. @returns whether it was the last */
  answered(): boolean {
    return --this.#unanswered === 0;
  }
}

/**
 * The outcomes that Fencepost has not answered yet, in a file that is only appended to.
 *
 * An outcome is with the kernel when `keep` returns: it survives its process, however that dies. It is synced to the
 * disk when it was not answered within 2 ms; so a power cut can lose what was neither answered nor synced yet, usually
 * that of the last few ms, and such a command ends by the lost-agent policy (docs/decisions/0017). That a record is
 * spent is noted in a later one, and may be lost with that: then its outcomes are reported again, and answered again.
 *
 * Each run writes segments of its own, and begins with what earlier runs left. One process at a time may have a
 * directory open: the lock of the journal sees to that.
 */
export class OutcomeLog {
  /** Findings at the start that an operator should know of. */
  readonly warnings: readonly string[];
  readonly #directory: string;
  readonly #run: number;
  readonly #unanswered = new Map<number, Kept>();
  /** All but the current one hold something that was not answered. */
  readonly #older = new Set<OutcomeSegment>();
  #current: OutcomeSegment;
  #segments = 0;
  #records = 0;
  /** Records that are spent and not yet listed as such in the log. */
  #spent: number[] = [];
  /** Kept since the last sync began, and not answered yet. */
  readonly #unsynced = new Set<Kept>();
  /** When the first of them was kept; undefined when there is none. */
  #unsyncedSince: number | undefined;
  #syncTimer: NodeJS.Timeout | undefined;
  #tidyTimer: NodeJS.Timeout | undefined;
  #syncs = 0;
  #failure: unknown;
  #onFailure: (error: unknown) => void = () => undefined;
  #isClosed = false;

  /**
   * Opens, or makes, the log in `directory`: for its owner alone. What earlier runs left is in this run's first
   * segment, on the disk, when this returns, and theirs are gone.
   *
   * @param boot of this run: greater than those before
   * @param earlier records, as text, that an earlier version left elsewhere: to be deleted once this has returned
   * @throws the error of the disk; then the next run finds all of it again
   */
  constructor(directory: string, boot: number, earlier: readonly string[] = []) {
    this.#directory = directory;
    makeDirectory(directory, 0o700);
    const left = readEarlier(directory, earlier);
    this.#run = Math.max(boot, left.lastRun + 1);
    this.#current = this.#begin();
    this.warnings = [...left.warnings, ...this.#takeOver(left)];
    this.#forget(left);
  }

  /** @param listener called when the disk did not sync: what is kept may not survive a power cut */
  onFailure(listener: (error: unknown) => void): void {
    this.#onFailure = listener;
  }

  /**
   * Appends outcomes, as one record. They are with the kernel when this returns.
   *
   * @throws the error of the disk, when they cannot be written or what was written could not be synced
   */
  keep(reports: readonly JournalledReport[]): Kept {
    if (this.#isClosed) throw new Error('the outcome log is closed');
    if (this.#failure !== undefined) throw this.#failure as Error;
    if (this.#current.bytes >= segmentBytes) this.#rotate();
    const kept = this.#put(reports);
    this.#unsynced.add(kept);
    this.#unsyncedSince ??= performance.now();
    this.#syncTimer ??= setTimeout(() => this.#syncIfDue(), syncAfterMs).unref();
    return kept;
  }

  /** Counts an answer to one of the outcomes. A spent record is noted with the next one, or soon by itself. */
  answered(kept: Kept): void {
    if (!kept.answered() || this.#isClosed) return;
    const { record, segment } = kept;
    this.#unanswered.delete(record);
    this.#spent.push(record);
    this.#unsynced.delete(kept);
    if (this.#unsynced.size === 0) this.#unsyncedSince = undefined;
    if (--segment.unanswered === 0 && this.#older.delete(segment)) segment.end();
    this.#tidyTimer ??= setTimeout(() => this.tidy(), tidyAfterMs).unref();
  }

  /** Every outcome that was not answered yet, with its record: those of earlier runs first. */
  unanswered(): { report: JournalledReport; kept: Kept }[] {
    return [...this.#unanswered.values()].flatMap((kept) => kept.reports.map((report) => ({ report, kept })));
  }

  /**
   * Records what is spent, as far as the disk takes it, and without a sync: an outcome that comes back is reported
   * again and answered again.
   */
  tidy(): void {
    clearTimeout(this.#tidyTimer);
    this.#tidyTimer = undefined;
    if (this.#isClosed || this.#spent.length === 0) return;
    try {
      this.#append(++this.#records, []);
    } catch {
      // The list goes with the next record, or the error of that one shows what is wrong with the disk.
    }
  }

  /** Ends it. What was not answered is on the disk then: the machine may be switched off next. */
  close(): void {
    if (this.#isClosed) return;
    try {
      if (this.#unanswered.size > 0) this.tidy();
      for (const segment of this.#all()) if (segment.unanswered > 0) segment.syncNow();
    } finally {
      this.#isClosed = true;
      clearTimeout(this.#syncTimer);
      clearTimeout(this.#tidyTimer);
      for (const segment of this.#all()) {
        if (segment.unanswered > 0) segment.close();
        else segment.end();
      }
    }
  }

  #all(): OutcomeSegment[] {
    return [...this.#older, this.#current];
  }

  /** A new file, which a power cut does not take away again. */
  #begin(): OutcomeSegment {
    const segment = new OutcomeSegment(join(this.#directory, `${this.#run}-${++this.#segments}.log`));
    syncDirectory(this.#directory);
    return segment;
  }

  #rotate(): void {
    const before = this.#current;
    this.#current = this.#begin();
    if (before.unanswered === 0) before.end();
    else this.#older.add(before);
  }

  #put(reports: readonly JournalledReport[]): Kept {
    const kept = new Kept(++this.#records, reports, this.#current);
    this.#append(kept.record, reports);
    this.#current.unanswered++;
    this.#unanswered.set(kept.record, kept);
    return kept;
  }

  #append(record: number, reports: readonly JournalledReport[]): void {
    this.#current.append(lineOf({ record, spent: this.#spent, reports }));
    this.#spent = [];
  }

  /** Puts what earlier runs left into this one's file, on the disk. @returns what an operator should know of it */
  #takeOver({ reports, unreadable }: EarlierOutcomes): string[] {
    try {
      for (const some of inParts(reports)) this.#put(some);
      if (reports.length > 0) this.#current.syncNow();
      return this.#putAside(unreadable);
    } catch (error) {
      // The outcomes are still where they were.
      this.#current.end();
      throw error;
    }
  }

  #putAside(unreadable: EarlierOutcomes['unreadable']): string[] {
    const [first] = unreadable;
    if (!first) return [];
    const aside = join(this.#directory, `${this.#run}.unreadable`);
    const lines = unreadable.map((one) => `${JSON.stringify(one)}\n`).join('');
    writeFileSync(aside, lines, { mode: 0o600, flush: true });
    return [
      `outcomes of earlier runs that cannot be understood: ${unreadable.length}, the first since ${first.why}. They are kept in ${aside}, and not reported`,
    ];
  }

  /** Takes the files of earlier runs away, once all that they held is in this one's. */
  #forget({ files, damagedFiles }: EarlierOutcomes): void {
    try {
      for (const name of damagedFiles) {
        const path = join(this.#directory, name);
        renameSync(path, `${path}.damaged`);
      }
      for (const name of files) unlinkSync(join(this.#directory, name));
    } catch (error) {
      this.#current.close();
      throw error;
    }
  }

  #syncIfDue(): void {
    this.#syncTimer = undefined;
    // Outcomes that were kept while a sync is under way are looked at when that is done.
    if (this.#unsyncedSince === undefined || this.#syncs > 0 || this.#isClosed) return;
    const dueInMs = this.#unsyncedSince + syncAfterMs - performance.now();
    if (dueInMs > 0) {
      this.#syncTimer = setTimeout(() => this.#syncIfDue(), Math.ceil(dueInMs)).unref();
      return;
    }
    this.#unsyncedSince = undefined;
    this.#unsynced.clear();
    for (const segment of this.#all()) {
      if (!segment.needsSync) continue;
      this.#syncs++;
      segment.sync((error) => this.#synced(error));
    }
  }

  #synced(error: unknown): void {
    this.#syncs--;
    if (this.#isClosed) return;
    if (error) {
      this.#failure ??= error;
      this.#onFailure(error);
    }
    this.#syncIfDue();
  }
}
