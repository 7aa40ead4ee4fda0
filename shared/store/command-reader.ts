import { type ChainableCommander, type Redis } from 'ioredis';
import { z } from 'zod';
import { type CommandSummary } from '../protocol/api.js';
import {
  type CommandError,
  commandErrorCodeSchema,
  type CommandView,
  defaults,
  executedSchema,
  type HistoryItem,
  historyItemSchema,
  type Json,
  onAgentLostSchema,
  type Status,
  statusSchema,
  type WaitingReason,
} from '../protocol/commands.js';
import { shownAs } from '../protocol/sessions.js';
import { type PartitionKeys } from './keys.js';
import { homeOf } from './lanes.js';

/** A command's key that holds something else, or a hash that Fencepost did not write. */
export class BrokenCommand extends Error {
  override readonly name = 'BrokenCommand';
  readonly key: string;

  constructor(key: string, why: string) {
    super(`${key}: ${why}`);
    this.key = key;
  }
}

/** Parses what `JSON.stringify` or cjson wrote. */
const parsedText = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'is not JSON' });
    return z.NEVER;
  }
});
/** Payloads and results as they came: not through `z.json()`, which drops a key named `__proto__`. */
const jsonText = parsedText.transform((value) => value as Json);

const count = z.coerce.number().int().min(0).default(0);
const instant = z.coerce
  .number()
  .int()
  // The latest that a Date can hold.
  .max(8.64e15)
  .transform((ms) => new Date(ms).toISOString());
const nullable = <T extends z.ZodType>(schema: T) => schema.nullish().transform((value) => value ?? null);

/** The hash of a command, without what may be large. A field that was never set is absent. */
const summaryFields = {
  status: statusSchema,
  type: z.string(),
  queue: z.string().transform(homeOf),
  error: parsedText.pipe(z.object({ code: commandErrorCodeSchema, message: z.string() })).optional(),
  executed: executedSchema.default('no'),
  agentId: nullable(z.string()),
  attempt: count,
  losses: count,
  failures: count,
  onAgentLost: onAgentLostSchema.default('fail'),
  maxLosses: z.coerce.number().int().default(defaults.maxLosses),
  maxAttempts: z.coerce.number().int().default(defaults.maxAttempts),
  timeoutMs: nullable(z.coerce.number().int()),
  createdAt: instant,
  startedAt: nullable(instant),
  finishedAt: nullable(instant),
  runAt: nullable(instant),
  expiresAt: nullable(instant),
  // The hash has the type that an agent did not know; who else waits for what, servers compute.
  waitingFor: nullable(z.string()),
  cancelRequestedAt: nullable(instant),
  // A malformed progress must not hide the command.
  progress: nullable(jsonText).catch(null),
  /** The attempt that reported the progress. */
  progressOf: nullable(z.string()),
};
const summarySchema = z.object(summaryFields);
const summaryNames = Object.keys(summaryFields);
const hashSchema = z.object({ ...summaryFields, payload: jsonText, result: nullable(jsonText) });

/** Reads commands. It writes nothing: that is what the scripts are for. */
export class CommandReader {
  readonly #redis: Redis;
  readonly #keys: PartitionKeys;

  constructor(redis: Redis, keys: PartitionKeys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /**
   * @returns the command, or undefined when there is none
   * @throws BrokenCommand when its key holds something else
   */
  async read(id: string): Promise<CommandView | undefined> {
    const key = this.#keys.command(id);
    const [hash, history] = await Promise.all([
      orBroken(key, this.#redis.hgetall(key)),
      this.#readHistory(id),
    ]);
    if (hash.status === undefined) return undefined;
    const { status, type, payload, result, error, executed, ...others } = parse(key, hashSchema, hash);
    const { progress, progressOf, ...rest } = others;
    const told = isOf(progressOf, rest.attempt, status) ? progress : null;
    // The fields that readers look for first stand first.
    const outcome = { result, error: withExecuted(error, executed) };
    const first = { commandId: id, status, type, payload, ...outcome, progress: told };
    return { ...first, ...rest, waitingFor: reasonIn(status, rest.waitingFor), history };
  }

  /** Reads a command's status as it is stored; null when there is none, or its key holds something else. */
  readStatus(id: string): Promise<string | null> {
    return this.#redis.hget(this.#keys.command(id), 'status').catch(ifWrongType(null));
  }

  /**
   * @returns a summary per id, in order: undefined for one that does not exist, or that cannot be
   * understood, which must not hide the others from a list, and for one that is not `wanted`:
   * that costs a tenth of a summary, and a list may look at a thousand
   */
  async summaries(
    ids: readonly string[],
    wanted: { readonly [Field in 'status' | 'type' | 'queue']?: string | undefined } = {},
  ): Promise<(CommandSummary | undefined)[]> {
    const fields = (['status', 'type', 'queue'] as const).filter((field) => wanted[field] !== undefined);
    const rows = await runAll(
      ids.reduce(
        (pipeline, id) => pipeline.hmget(this.#keys.command(id), ...summaryNames),
        this.#redis.pipeline(),
      ),
    );
    return ids.map((id, i) => {
      const row = z.array(z.string().nullable()).safeParse(rows[i]);
      if (!row.success || row.data[0] === null) return undefined;
      const { data } = row;
      // The filters go by what is shown: a command in a lane is in the queue that it was submitted to.
      const shown = (field: (typeof fields)[number]) => {
        const value = data[summaryNames.indexOf(field)] ?? '';
        return field === 'queue' ? homeOf(value) : value;
      };
      if (fields.some((field) => shown(field) !== wanted[field])) return undefined;
      const present = summaryNames.flatMap((name, at) =>
        (row.data[at] ?? null) === null ? [] : [[name, row.data[at]]],
      );
      const parsed = summarySchema.safeParse(Object.fromEntries(present));
      if (!parsed.success) return undefined;
      const { error, executed, progressOf, ...rest } = parsed.data;
      const progress = isOf(progressOf, rest.attempt, rest.status) ? rest.progress : null;
      const waitingFor = reasonIn(rest.status, rest.waitingFor);
      return { commandId: id, ...rest, error: withExecuted(error, executed), progress, waitingFor };
    });
  }

  async #readHistory(id: string): Promise<HistoryItem[]> {
    const items = await this.#redis.lrange(this.#keys.history(id), 0, -1).catch(ifWrongType<string[]>([]));
    return items.flatMap((item) => historyTextSchema.safeParse(item).data ?? []);
  }
}

/** An item as the scripts write it: `result` and `error` are JSON in JSON, or a note of being too long to keep. */
const historyTextSchema = parsedText
  .pipe(
    z.object({
      why: historyItemSchema.shape.reason,
      at: instant,
      attempt: z.int(),
      agentId: z.string(),
      session: z.string().transform(shownAs),
      status: nullable(statusSchema),
      result: nullable(jsonText),
      error: nullable(
        parsedText.pipe(
          z.union([
            z.object({ code: z.string(), message: z.string() }),
            z.string().transform((message) => ({ code: 'EXECUTION_FAILED', message })),
          ]),
        ),
      ),
    }),
  )
  .transform(({ why, at, ...rest }) => ({ reason: why, recordedAt: at, ...rest }));

/** Whether a progress is the last attempt's, and no other is to follow. */
const isOf = (progressOf: string | null, attempt: number, status: Status) =>
  status !== 'PENDING' && progressOf?.split(':')[0] === String(attempt);

/** The one reason that is stored. */
const reasonIn = (status: Status, unknownType: string | null): WaitingReason | null =>
  status === 'PENDING' && unknownType !== null ? 'capable-agent' : null;

function withExecuted(
  error: Pick<CommandError, 'code' | 'message'> | undefined,
  executed: CommandError['executed'],
): CommandError | null {
  return error === undefined ? null : { code: error.code, message: error.message, executed };
}

function parse<T>(key: string, schema: z.ZodType<T>, hash: Record<string, string>): T {
  const parsed = schema.safeParse(hash);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new BrokenCommand(key, faults.join('; '));
}

/**
 * The replies of a pipeline. A lost connection throws, like every error that `tolerate` does not
 * turn into a value; by default a key of another type gives undefined.
 */
export async function runAll(
  pipeline: ChainableCommander,
  tolerate: (error: unknown) => unknown = ifWrongType(undefined),
): Promise<unknown[]> {
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => (error ? tolerate(error) : reply));
}

const isWrongType = (error: unknown) => error instanceof Error && error.message.startsWith('WRONGTYPE');

/** For `catch`: this value where the key is of another type; everything else goes on. */
export function ifWrongType<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (isWrongType(error)) return value;
    throw error;
  };
}

/** @throws BrokenCommand when the key is of another type */
export async function orBroken<T>(key: string, reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    if (isWrongType(error)) throw new BrokenCommand(key, 'it is no hash');
    throw error;
  }
}
