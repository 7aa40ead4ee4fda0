import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type ClassicLevel } from 'classic-level';
import { z } from 'zod';
import { agentIdSchema } from '../shared/protocol/commands.js';
import { newSession } from '../shared/protocol/sessions.js';
import { type AgentIdentity } from '../shared/protocol/agent-identity.js';
import { openStore, unavailable } from './journal-store.js';
import { OutcomeLog } from './outcome-log.js';
import { isProvedDead, type Run, runSchema, thisRun } from './runs.js';

/** The identity as it is stored. Earlier versions had neither `run` nor `earlier`. */
const identitySchema = z.object({
  agentId: agentIdSchema,
  instance: z.string().regex(/^[0-9a-f]{16}$/),
  boot: z.int().min(1),
  run: runSchema.optional().catch(undefined),
  /** Runs before that one that may have left something that is not settled. */
  earlier: z.array(runSchema).catch([]),
});
type StoredIdentity = z.infer<typeof identitySchema>;

const identityKey = 'identity';
const outcomePrefix = 'outcome:';
/** Runs that ended before they could settle: what more of them left waits for its lease. */
const mostEarlier = 20;

/**
 * The agent's local store: who it is, in LevelDB, and the outcomes that Fencepost has not answered yet, in a log.
 *
 * LevelDB locks its directory for the life of the process, and the kernel frees the lock however the
 * process dies. That proves that an earlier run is over only where the directory is no copy: so each run
 * has a session that no other has, and notes how a later one can prove that its process is dead.
 */
export class Journal {
  readonly identity: AgentIdentity;
  /** Findings that an operator must know of: that the journal was damaged, or lost its identity. */
  readonly warnings: readonly string[];
  readonly outcomes: OutcomeLog;
  readonly #db: ClassicLevel;
  readonly #stored: StoredIdentity;

  private constructor(
    db: ClassicLevel,
    stored: StoredIdentity,
    identity: AgentIdentity,
    outcomes: OutcomeLog,
    warnings: readonly string[],
  ) {
    this.#db = db;
    this.#stored = stored;
    this.identity = identity;
    this.outcomes = outcomes;
    this.warnings = [...warnings, ...outcomes.warnings];
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
      const outcomes = await openOutcomes(db, join(directory, 'outcomes'), boot);
      return new Journal(db, stored, { agentId, instance, boot, session, earlier }, outcomes, warnings);
    } catch (error) {
      await db.close();
      throw unavailable(error, directory);
    }
  }

  /** Records that earlier runs are settled: the next run has nothing more to do with them. */
  async settled(): Promise<void> {
    if (this.#stored.earlier.length === 0) return;
    await this.#db.put(identityKey, JSON.stringify({ ...this.#stored, earlier: [] }));
  }

  /** Frees the directory, with what was not answered on its disk. */
  async close(): Promise<void> {
    try {
      this.outcomes.close();
    } finally {
      await this.#db.close();
    }
  }
}

/** Moves the outcomes that earlier versions kept in LevelDB: when this resolves they are in the log, and only there. */
async function openOutcomes(db: ClassicLevel, directory: string, boot: number): Promise<OutcomeLog> {
  const records = await db.iterator({ gte: outcomePrefix, lt: `${outcomePrefix}~` }).all();
  const texts = records.map(([, text]) => text);
  const outcomes = new OutcomeLog(directory, boot, texts);
  if (records.length > 0) await db.batch(records.map(([key]) => ({ type: 'del', key })));
  return outcomes;
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
  `the journal in ${directory} does not name its agent any more: it goes on as a new one. Outcomes that were not reported may be gone; their commands end by the lost-agent policy`;
