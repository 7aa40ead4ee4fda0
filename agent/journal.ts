import { randomBytes } from 'node:crypto';
import { type ClassicLevel } from 'classic-level';
import { z } from 'zod';
import { agentIdSchema } from '../shared/protocol/commands.js';
import { newSession } from '../shared/protocol/sessions.js';
import { type AgentIdentity } from '../shared/transport/transport.js';
import { type JournalledReport, readRecord } from './journal-records.js';
import { openStore, unavailable } from './journal-store.js';
import { isProvedDead, type Run, runSchema, thisRun } from './runs.js';

/** As it is stored. Versions before had neither `run` nor `earlier`. */
const identitySchema = z.object({
  agentId: agentIdSchema,
  instance: z.string().regex(/^[0-9a-f]{16}$/),
  boot: z.int().min(1),
  run: runSchema.optional().catch(undefined),
  /** Runs before that one, of which nobody knows that what they left is settled. */
  earlier: z.array(runSchema).catch([]),
});
type StoredIdentity = z.infer<typeof identitySchema>;

const identityKey = 'identity';
const tidyAfterMs = 200;
const outcomePrefix = 'outcome:';
const unreadablePrefix = 'unreadable:';
/** Runs that ended before they could settle: what more of them left waits for its lease. */
const mostEarlier = 20;

/** Outcomes that were journalled together: one record, which goes when the last of them was answered. */
export class Kept {
  readonly key: string;
  #unanswered: number;

  constructor(key: string, outcomes: number) {
    this.key = key;
    this.#unanswered = outcomes;
  }

  /** One of them was answered. @returns whether it was the last */
  answered(): boolean {
    return --this.#unanswered === 0;
  }
}

/**
 * The agent's local, synced store: who it is, and the outcomes that Fencepost has not accepted yet.
 *
 * LevelDB locks its directory for the life of the process, and the kernel frees the lock however the
 * process dies. That proves that an earlier run is over only where the directory is no copy: so each run
 * has a session that no other has, and notes how a later one can prove that its process is dead.
 */
export class Journal {
  readonly identity: AgentIdentity;
  /** What people must know of how it was found: that it was damaged, or is no longer who it was. */
  readonly warnings: readonly string[];
  readonly #db: ClassicLevel;
  readonly #stored: StoredIdentity;
  #records = 0;
  /** Records that are of no use any more: they go with the next write. */
  #spent: string[] = [];
  #tidying: NodeJS.Timeout | undefined;

  private constructor(
    db: ClassicLevel,
    stored: StoredIdentity,
    identity: AgentIdentity,
    warnings: readonly string[],
  ) {
    this.#db = db;
    this.#stored = stored;
    this.identity = identity;
    this.warnings = warnings;
  }

  /**
   * Opens, or makes, the journal in `directory` and begins a new session, which is on the disk before
   * this resolves.
   *
   * @param nameFor makes the agentId of a directory that has none yet, from its new instance id
   * @throws JournalLocked while another process has it
   * @throws JournalUnavailable where its disk does not let it be written
   */
  static async open(directory: string, nameFor: (instance: string) => string): Promise<Journal> {
    const { db, lockPath, existed, mended } = await openStore(directory);
    try {
      const before = readIdentity(await db.get(identityKey));
      const warnings = mended === undefined ? [] : [mended];
      if (!before && existed) warnings.push(lostIdentity(directory));
      const instance = before?.instance ?? randomBytes(8).toString('hex');
      const agentId = before?.agentId ?? nameFor(instance);
      // By the clock, and not counted on from the disk alone: a copy or a backup must not count as an older run.
      const boot = Math.max((before?.boot ?? 0) + 1, Date.now());
      const session = newSession(instance, boot);
      const runs = [...(before?.earlier ?? []), ...(before?.run ? [before.run] : [])].slice(-mostEarlier);
      const stored = { agentId, instance, boot, run: thisRun(session, lockPath), earlier: runs };
      await db.put(identityKey, JSON.stringify(stored), { sync: true });
      const earlier = runs.filter((run) => isProvedDead(run, lockPath)).map((run: Run) => run.session);
      return new Journal(db, stored, { agentId, instance, boot, session, earlier }, warnings);
    } catch (error) {
      await db.close();
      throw unavailable(error, directory);
    }
  }

  /** Stores outcomes; they are on the disk when this resolves. One record and one sync for all of them. */
  async keep(reports: readonly JournalledReport[]): Promise<Kept> {
    const kept = new Kept(`${outcomePrefix}${this.identity.boot}:${++this.#records}`, reports.length);
    await this.#db.batch(
      [{ type: 'put', key: kept.key, value: JSON.stringify(reports) }, ...this.#deletions()],
      {
        sync: true,
      },
    );
    return kept;
  }

  /** One of these outcomes was answered. Its record goes with the next one's write, or soon by itself. */
  answered(kept: Kept): void {
    if (!kept.answered()) return;
    this.#spent.push(kept.key);
    // Now it would hold up the next outcome.
    this.#tidying ??= setTimeout(() => {
      // What it leaves behind is reported again, and answered again.
      this.tidy().catch(() => undefined);
    }, tidyAfterMs).unref();
  }

  /**
   * Forgets what was answered. Not synced: an outcome that comes back after a power cut is reported
   * again and answered again.
   */
  async tidy(): Promise<void> {
    clearTimeout(this.#tidying);
    this.#tidying = undefined;
    if (this.#spent.length > 0) await this.#db.batch(this.#deletions());
  }

  #deletions(): { type: 'del'; key: string }[] {
    return this.#spent.splice(0).map((key) => ({ type: 'del', key }));
  }

  /**
   * Every outcome that was not answered yet, with its record. What cannot be read is put aside in the
   * journal, and passed over.
   *
   * @param onUnreadable called with the key under which it is kept, and why it cannot be read
   */
  async unanswered(
    onUnreadable: (key: string, why: string) => void = () => undefined,
  ): Promise<{ report: JournalledReport; kept: Kept }[]> {
    const found: { report: JournalledReport; kept: Kept }[] = [];
    const changes: ({ type: 'put'; key: string; value: string } | { type: 'del'; key: string })[] = [];
    for await (const [key, text] of this.#db.iterator({ gte: outcomePrefix, lt: `${outcomePrefix}~` })) {
      const { reports, unreadable } = readRecord(text);
      const kept = new Kept(key, reports.length);
      found.push(...reports.map((report) => ({ report, kept })));
      for (const [i, one] of unreadable.entries()) {
        const aside = `${unreadablePrefix}${key}:${i}`;
        changes.push({ type: 'put', key: aside, value: one.text });
        onUnreadable(aside, one.why);
      }
      if (unreadable.length === 0) continue;
      if (reports.length === 0) changes.push({ type: 'del', key });
      else changes.push({ type: 'put', key, value: JSON.stringify(reports) });
    }
    // In one step, so that nothing is read twice, or lost.
    if (changes.length > 0) await this.#db.batch(changes, { sync: true });
    return found;
  }

  /** What earlier runs left is settled: the next run has nothing more to do with them. */
  async settled(): Promise<void> {
    if (this.#stored.earlier.length === 0) return;
    await this.#db.put(identityKey, JSON.stringify({ ...this.#stored, earlier: [] }));
  }

  /** Frees the directory. */
  async close(): Promise<void> {
    clearTimeout(this.#tidying);
    await this.#db.close();
  }
}

function readIdentity(text: string | undefined): StoredIdentity | undefined {
  if (text === undefined) return undefined;
  try {
    return identitySchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

const lostIdentity = (directory: string) =>
  `the journal in ${directory} does not say any more who its agent is: it goes on as a new one. Outcomes that were not reported may be gone with it; their commands end by the rule for a lost agent`;
