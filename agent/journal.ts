import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { z } from 'zod';
import { agentIdSchema, executedSchema } from '../shared/protocol/commands.js';
import { commandErrorCodeSchema } from '../shared/protocol/commands.js';
import { errorCode } from '../shared/runtime/error-code.js';

const identitySchema = z.object({
  agentId: agentIdSchema,
  instance: z.string().regex(/^[0-9a-f]{16}$/),
  boot: z.int().min(1),
});
/** Who the agent of this directory is, and which run of its process this is. */
export type Identity = z.infer<typeof identitySchema>;

const reportSchema = z.object({
  id: z.string(),
  agentId: z.string(),
  session: z.string(),
  attempt: z.int(),
  outcome: z.discriminatedUnion('status', [
    z.object({ status: z.literal('COMPLETED'), result: z.string() }),
    z.object({
      status: z.literal('FAILED'),
      code: commandErrorCodeSchema,
      message: z.string(),
      executed: executedSchema,
      result: z.string().optional(),
      retryable: z.boolean(),
      pauseMs: z.number(),
    }),
  ]),
});
/** An outcome as it is journalled: with the attempt and the session that produced it. */
export type JournalledReport = z.infer<typeof reportSchema>;

/** Another live process has this directory. */
export class JournalLocked extends Error {
  override readonly name = 'JournalLocked';
}

const identityKey = 'identity';
const tidyAfterMs = 200;
const outcomePrefix = 'outcome:';
/** One outcome by itself is how earlier versions wrote them. */
const recordSchema = z.union([z.array(reportSchema), reportSchema.transform((report) => [report])]);

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
 * process dies. So whoever opens a journal knows that the process that wrote it is dead, and may
 * settle at once what that process left.
 */
export class Journal {
  readonly identity: Identity;
  readonly #db: ClassicLevel;
  #records = 0;
  /** Records that are of no use any more: they go with the next write. */
  #spent: string[] = [];
  #tidying: NodeJS.Timeout | undefined;

  private constructor(db: ClassicLevel, identity: Identity) {
    this.#db = db;
    this.identity = identity;
  }

  /**
   * Opens, or makes, the journal in `directory` and begins a new session: `boot` is raised and on
   * the disk before this resolves.
   *
   * @param nameFor makes the agentId of a directory that has none yet, from its new instance id
   * @throws JournalLocked while another process has it
   */
  static async open(directory: string, nameFor: (instance: string) => string): Promise<Journal> {
    const db = new ClassicLevel(join(directory, 'journal'));
    try {
      await db.open();
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      if (errorCode(cause) === 'LEVEL_LOCKED')
        throw new JournalLocked(`${directory} is in use by another agent`);
      throw new Error(`the agent's journal in ${directory} cannot be opened: ${String(cause ?? error)}`, {
        cause: error,
      });
    }
    const stored = await db.get(identityKey);
    const before = stored === undefined ? undefined : identitySchema.parse(JSON.parse(stored));
    const instance = before?.instance ?? randomBytes(8).toString('hex');
    const identity = {
      agentId: before?.agentId ?? nameFor(instance),
      instance,
      boot: (before?.boot ?? 0) + 1,
    };
    await db.put(identityKey, JSON.stringify(identity), { sync: true });
    return new Journal(db, identity);
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

  /** Every outcome that was not answered yet, with its record. */
  async unanswered(): Promise<{ report: JournalledReport; kept: Kept }[]> {
    const records = await this.#db.iterator({ gte: outcomePrefix, lt: `${outcomePrefix}~` }).all();
    return records.flatMap(([key, text]) => {
      const reports = recordSchema.parse(JSON.parse(text));
      const kept = new Kept(key, reports.length);
      return reports.map((report) => ({ report, kept }));
    });
  }

  /** Frees the directory. */
  async close(): Promise<void> {
    clearTimeout(this.#tidying);
    await this.#db.close();
  }
}
