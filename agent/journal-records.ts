import { z } from 'zod';
import { commandErrorCodeSchema, executedSchema, limits } from '../shared/protocol/commands.js';

/** The records of a journal, as they are read back: a disk, an earlier version or a person may have changed them. */

const isJson = (text: string) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};
const jsonText = z.string().refine(isJson, { error: 'is not JSON' });

/** Earlier versions kept a pause as the handler gave it: fractions, negative ones, and NaN, which is null in JSON. */
const pauseSchema = z
  .number()
  .nullable()
  .transform((ms) => Math.min(limits.delayMs, Math.max(0, Math.round(ms ?? 0))));

const reportSchema = z.object({
  id: z.string().min(1).max(128),
  agentId: z.string().min(1).max(128),
  session: z.string().max(256),
  attempt: z.int().min(1),
  /** Earlier versions kept none. What cannot be one is not compared: it must not cost an outcome. */
  ticket: z.string().max(1024).optional().catch(undefined),
  outcome: z.discriminatedUnion('status', [
    z.object({ status: z.literal('COMPLETED'), result: jsonText }),
    z.object({
      status: z.literal('FAILED'),
      code: commandErrorCodeSchema,
      message: z.string(),
      executed: executedSchema,
      result: jsonText.optional(),
      retryable: z.boolean(),
      pauseMs: pauseSchema,
    }),
  ]),
});
/** An outcome as it is journalled: with the attempt and the session that produced it. */
export type JournalledReport = z.infer<typeof reportSchema>;

/** A record, read: what can be reported, and what cannot be understood. */
export interface ReadRecord {
  readonly reports: readonly JournalledReport[];
  readonly unreadable: readonly { readonly text: string; readonly why: string }[];
}

/** A record as text: how versions wrote it that kept outcomes in LevelDB. One outcome by itself is older still. */
export function readRecord(text: string): ReadRecord {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { reports: [], unreadable: [{ text, why: 'is not JSON' }] };
  }
  return readReports(Array.isArray(parsed) ? (parsed as unknown[]) : [parsed]);
}

/** One outcome that cannot be read does not take those beside it away. */
export function readReports(items: readonly unknown[]): ReadRecord {
  const reports: JournalledReport[] = [];
  const unreadable: { text: string; why: string }[] = [];
  for (const item of items) {
    const { data, error } = reportSchema.safeParse(item);
    if (data) reports.push(data);
    else unreadable.push({ text: JSON.stringify(item), why: whyOf(error) });
  }
  return { reports, unreadable };
}

function whyOf({ issues: [issue] }: z.ZodError): string {
  const path = issue?.path.join('.') ?? '';
  return `${path === '' ? 'it' : path}: ${issue?.message ?? 'is not what an outcome has'}`;
}
