import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcesses, startProcess, type TestProcess } from '../testing/processes.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'fencepost-bench-'))));
afterEach(async () => {
  // With its Redis and its workers, which a SIGKILL of the program alone would leave behind.
  for (const bench of started.splice(0)) bench.killGroup('SIGKILL');
  await endProcesses();
  rmSync(folder, { recursive: true });
});
const started: TestProcess[] = [];
const start = (...args: string[]) => {
  const bench = startProcess(['dist/bench/main.js', ...args], { env: { TMPDIR: folder }, ownGroup: true });
  started.push(bench);
  return bench;
};
/** Whether any process of the group that `pid` leads is left. */
const groupIsAlive = (pid: number) => {
  try {
    return process.kill(-pid, 0);
  } catch {
    return false;
  }
};

test('one benchmark writes its record, its plots and the page, and leaves no process and no other file', async () => {
  const results = join(folder, 'results');
  const bench = start('limit', '--short', '--rounds=1', `--results=${results}`);
  expect(await bench.exited).toEqual({ code: 0, signal: null });
  expect(bench.output).toMatch(/^whole cycle: share of what one Redis could do.* %/m);
  expect(readdirSync(results).sort()).toEqual(['limit.json', 'limit.svg', 'results.md']);
  expect(readdirSync(folder)).toEqual(['results']);
  expect(groupIsAlive(bench.pid)).toBe(false);
});

test('Ctrl-C ends it, and leaves no process and no file', async () => {
  // Short laps, and far more of them than are run until the signal comes.
  const bench = start('limit', '--short', '--rounds=100', `--results=${join(folder, 'results')}`);
  await bench.waitForLine(/^round 1:/);
  bench.killGroup('SIGINT');
  expect(await bench.exited).toEqual({ code: 1, signal: null });
  expect(bench.output).toContain('stopped by SIGINT');
  expect(readdirSync(folder)).toEqual([]);
  expect(groupIsAlive(bench.pid)).toBe(false);
});

test('a name that is none is refused, with the one that was meant', async () => {
  const bench = start('thruput');
  expect(await bench.exited).toEqual({ code: 1, signal: null });
  expect(bench.output).toMatch(/^no benchmark is called "thruput", did you mean throughput\? There are /);
});

test('every flag that is wrong is named', async () => {
  const bench = start('limit', '--round=5', '--rounds=0');
  expect(await bench.exited).toEqual({ code: 1, signal: null });
  expect(bench.lines).toEqual([
    'unknown flag --round, did you mean --rounds?',
    '--rounds: must be a whole number from 1 to 100, but is "0"',
  ]);
});
