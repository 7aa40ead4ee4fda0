import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { repositoryRoot } from '../testing/redis-server.js';
import { describeCosts, readTestCosts } from './gate-costs.js';
import { summary } from './gate.js';

const report = {
  numPassedTests: 5,
  numFailedTests: 0,
  numPendingTests: 1,
  numTodoTests: 2,
  numRuntimeErrorTestSuites: 0,
};

describe('the last line of npm test', () => {
  test('counts tests; a todo is one that was skipped', () => {
    expect(summary(report)).toBe('5 passed, 0 failed, 3 skipped');
    expect(summary({ ...report, numFailedTests: 4 })).toBe('5 passed, 4 failed, 3 skipped');
  });

  test('does not say that nothing failed when a test file could not be loaded', () => {
    expect(summary({ ...report, numRuntimeErrorTestSuites: 1 })).toBe('5 passed, 1 failed, 3 skipped');
  });

  test('does not say that nothing failed when Jest left no report', () => {
    expect(summary(undefined)).toBe('0 passed, 1 failed, 0 skipped');
  });
});

test('a step that leaves a process behind does not block the reader of the output of npm test', async () => {
  // The orphan prints its pid on an output that it never closes.
  const stays =
    "require('node:child_process').spawn('sh', ['-c', 'echo $$; exec sleep 600'], { stdio: 'inherit' }).unref()";
  const gate = `require('./dist/cli/gate.js').runNode(['-e', ${JSON.stringify(stays)}], '.').then(process.exit)`;
  const reader = spawn(process.execPath, ['-e', gate], { cwd: repositoryRoot });
  let output = '';
  reader.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  expect(await once(reader, 'close')).toEqual([0, null]);
  expect(process.kill(Number(output), 'SIGKILL')).toBe(true);
});

describe('what npm test says of its cost', () => {
  test('names the dearest test files first, and the processor time of the whole run', () => {
    const costs = [
      { path: '/p/a.test.ts', cpuMs: 1_500, wallMs: 2_000 },
      { path: '/p/test/b.test.ts', cpuMs: 62_340, wallMs: 40_000 },
    ];
    expect(describeCosts(costs, 90_000, '/p')).toEqual([
      'The most expensive test files:',
      '  62.3 s CPU   40.0 s wall  test/b.test.ts',
      '   1.5 s CPU    2.0 s wall  a.test.ts',
      'CPU time of this run: 1.5 min',
    ]);
  });

  test('is the processor time alone when no test file got to its end', () => {
    expect(describeCosts(readTestCosts('/nowhere'), 600_000, '/p')).toEqual([
      'CPU time of this run: 10.0 min',
    ]);
  });
});
