import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { everyFaultKind, type RunRecord } from '../record.js';
import { judgeRun, type Verdict } from './verdict.js';

const count = z.int().min(0);
const ms = z.number();
const text = z.string();
const counts = z.record(text, count);

const faultSchema = z.object({
  kind: z.enum(everyFaultKind),
  target: text,
  point: text.nullable(),
  event: count,
  injectedMs: ms,
  verifiedMs: ms.nullable(),
  proof: text.nullable(),
  healedMs: ms.nullable(),
  inFlight: z.array(text),
  recoveredMs: ms.nullable(),
  overlapping: count,
});

const violationSchema = z.object({
  invariant: z.literal([1, 2, 3, 4, 5, 6, 7, 8]),
  commandId: text.nullable(),
  what: text,
  evidence: z.unknown(),
});

const roundSchema = z.object({
  number: count,
  seed: z.number(),
  agents: z.array(z.enum(['redis', 'http'])),
  servers: count,
  leaseMs: ms,
  durationMs: ms,
  restMs: ms.nullable(),
  faults: z.array(faultSchema),
  samples: z.array(z.object({ atMs: ms, accepted: count, ended: count, open: z.int() })),
  stalls: count,
  tally: z.object({
    zombiesRefused: count,
    resentAbsorbed: count,
    lateRefused: count,
    submissionsDeduplicated: count,
    doubledEntriesAbsorbed: count,
  }),
  counts: z.object({
    accepted: count,
    completed: count,
    failed: count,
    // Runs that were recorded before there was a retention have none.
    pruned: count.default(0),
    byErrorCode: counts,
    executedUnknown: count,
    losses: count,
    transitions: count,
    lateReports: count,
    // Runs that were recorded before commands reported progress have none.
    progress: count.default(0),
    effects: count,
  }),
  violations: z.array(violationSchema),
  mix: counts,
  histories: z.record(text, z.array(text)),
  troubles: z.array(text),
});

export const runSchema = z.object({
  format: z.literal(1),
  startedAt: text,
  seed: z.number(),
  command: text,
  commit: text.nullable(),
  machine: z.object({
    cpus: count,
    cpu: text,
    memoryGb: z.number(),
    os: text,
    node: text,
    redis: text,
  }),
  options: z.record(text, z.unknown()),
  mutant: text.nullable(),
  rounds: z.array(roundSchema),
}) satisfies z.ZodType<RunRecord>;

/** Writes the whole run and its verdict: `{"verdict": …, "record": …}`. */
export async function writeJson(path: string, record: RunRecord, verdict: Verdict): Promise<void> {
  await writeFile(path, `${JSON.stringify({ verdict, record }, null, 1)}\n`);
}

/**
 * Reads such a file back. The verdict is found anew, by the floors of this version: the one in the file
 * is for other programs.
 *
 * @throws ZodError if the file is no record of a run
 */
export async function readJson(path: string): Promise<{ record: RunRecord; verdict: Verdict }> {
  const file: unknown = JSON.parse(await readFile(path, 'utf8'));
  const { record } = z.object({ record: runSchema }).parse(file);
  return { record, verdict: judgeRun(record) };
}
