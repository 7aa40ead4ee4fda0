import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { resultSchema } from '../benchmark.js';
import { machineSchema } from '../machine.js';

/** One run of one benchmark, as its `.json` holds it. */
export const recordSchema = resultSchema.extend({
  name: z.string(),
  about: z.string(),
  method: z.array(z.string()),
  /** When it began. */
  takenAt: z.iso.datetime(),
  tookMs: z.number(),
  rounds: z.number(),
  short: z.boolean(),
  machine: machineSchema,
});
export type BenchmarkRecord = z.infer<typeof recordSchema>;

const suffix = '.json';

export async function writeRecord(folder: string, record: BenchmarkRecord): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${record.name}${suffix}`), `${JSON.stringify(record, null, 1)}\n`);
}

/** The newest record of each benchmark. @throws ZodError when a file is none, with its name */
export async function readRecords(folder: string): Promise<BenchmarkRecord[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(suffix)).sort();
  return Promise.all(
    names.map(async (name) => {
      const json: unknown = JSON.parse(await readFile(join(folder, name), 'utf8'));
      const parsed = recordSchema.safeParse(json);
      if (!parsed.success) throw new Error(`${name} is no record of a benchmark: ${parsed.error.message}`);
      return parsed.data;
    }),
  );
}
