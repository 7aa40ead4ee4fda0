import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { cpuMsWithChildren } from '../shared/runtime/cpu-time.js';
import { pause } from '../shared/runtime/service.js';
import { describeCosts, readTestCosts } from './gate-costs.js';

/** One program of the gate. */
export interface GateStep {
  /** The step as the user would type it. */
  readonly name: string;
  /** A Node script and its arguments. */
  readonly args: readonly string[];
}

export interface GateOptions {
  readonly root: string;
  /** Arguments for Jest. With any, only Jest is run: a developer is at work on one test. */
  readonly jestArgs: readonly string[];
  readonly say: (line: string) => void;
}

const jestReportSchema = z.object({
  numPassedTests: z.int(),
  numFailedTests: z.int(),
  numPendingTests: z.int(),
  numTodoTests: z.int(),
  numRuntimeErrorTestSuites: z.int(),
});
export type JestReport = z.infer<typeof jestReportSchema>;

/**
 * Runs everything that CI runs after the build: format, lint, tests. A failure does not stop the steps
 * after it, so that one run reports all problems. The last line is the count of tests.
 *
 * @returns the exit code
 */
export async function runGate({ root, jestArgs, say }: GateOptions): Promise<number> {
  const failed: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), 'fencepost-gate-'));
  const reportPath = join(folder, 'jest.json');
  const costsPath = join(folder, 'costs.jsonl');
  // Jest's workers inherit it; testing/cpu-environment.ts writes there what each test file cost.
  process.env['TEST_COSTS'] = costsPath;
  try {
    for (const { name, args } of steps(root, reportPath, jestArgs)) {
      if ((await runNode(args, root)) !== 0) failed.push(name);
    }
    const line = summary(readReport(reportPath));
    for (const row of describeCosts(readTestCosts(costsPath), cpuMsWithChildren(), root)) say(row);
    if (failed.length > 0) say(`Failed: ${failed.join(', ')}`);
    say(line);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return failed.length > 0 ? 1 : 0;
}

/** `N passed, N failed, N skipped`. A test file that cannot even be loaded counts as a failure. */
export function summary(report: JestReport | undefined): string {
  if (!report) return '0 passed, 1 failed, 0 skipped';
  const failed = report.numFailedTests === 0 ? report.numRuntimeErrorTestSuites : report.numFailedTests;
  return `${report.numPassedTests} passed, ${failed} failed, ${report.numPendingTests + report.numTodoTests} skipped`;
}

function steps(root: string, reportPath: string, jestArgs: readonly string[]): GateStep[] {
  const bin = (path: string) => join(root, 'node_modules', path);
  const jest = {
    name: 'jest',
    // Jest's workers inherit the flag. Each test file loads all of its modules anew: a larger young generation is
    // collected less often, which saves some 3 % of their CPU time.
    args: [
      '--max-semi-space-size=64',
      bin('jest/bin/jest.js'),
      '--json',
      `--outputFile=${reportPath}`,
      ...jestArgs,
    ],
  };
  if (jestArgs.length > 0) return [jest];
  return [
    { name: 'oxfmt --check', args: [bin('oxfmt/bin/oxfmt'), '--check'] },
    { name: 'oxlint', args: [bin('oxlint/bin/oxlint')] },
    jest,
  ];
}

/** How long to wait for the last lines after the end of a step whose children still hold its output. */
const drainMs = 1000;

/**
 * Runs one step and shows its output. A SIGTERM to this process alone is passed on to the step, which would
 * otherwise run on.
 *
 * @returns the exit code
 */
export function runNode(args: readonly string[], cwd: string): Promise<number> {
  return new Promise((resolve, reject) => {
    // The step does not inherit our output: a process that a failed test leaves behind would hold it open, and the
    // reader would wait forever. A terminal has no such reader, and Jest shows more when it has one.
    const output = process.stdout.isTTY ? 'inherit' : 'pipe';
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', output, output] });
    child.stdout?.pipe(process.stdout, { end: false });
    child.stderr?.pipe(process.stderr, { end: false });
    const closed = new Promise((isClosed) => child.once('close', isClosed));
    const pass = (signal: NodeJS.Signals) => {
      child.kill(signal);
      child.once('exit', () => process.exit(1));
    };
    process.on('SIGTERM', pass);
    child.once('error', reject);
    child.once('exit', (code) => {
      process.off('SIGTERM', pass);
      void Promise.race([closed, pause(drainMs)]).then(() => resolve(code ?? 1));
    });
  });
}

function readReport(path: string): JestReport | undefined {
  try {
    return jestReportSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return undefined;
  }
}
