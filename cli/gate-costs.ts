import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { z } from 'zod';

const testCostSchema = z.object({ path: z.string(), cpuMs: z.number(), wallMs: z.number() });
/** The cost of one test file; `testing/cpu-environment.ts` writes a line of JSON for each. */
export type TestCost = z.infer<typeof testCostSchema>;

const shown = 10;

/** @returns the costs in `path`, or none when no test file got to its end */
export function readTestCosts(path: string): TestCost[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return [];
  }
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => testCostSchema.parse(JSON.parse(line)));
}

/**
 * Describes the cost of the run for a person: the most expensive test files first, then the processor time of
 * everything that the run started, in user and kernel mode, which hardly depends on what else the machine does.
 *
 * @param cpuMs of the whole run: build, format, lint and tests
 */
export function describeCosts(costs: readonly TestCost[], cpuMs: number, root: string): string[] {
  const dearest = [...costs].sort((a, b) => b.cpuMs - a.cpuMs).slice(0, shown);
  const rows = dearest.map(
    ({ path, cpuMs: ownMs, wallMs }) =>
      `${seconds(ownMs)} s CPU ${seconds(wallMs)} s wall  ${relative(root, path)}`,
  );
  const minutes = `CPU time of this run: ${(cpuMs / 60_000).toFixed(1)} min`;
  return rows.length === 0 ? [minutes] : ['The most expensive test files:', ...rows, minutes];
}

const seconds = (ms: number) => (ms / 1000).toFixed(1).padStart(6);
