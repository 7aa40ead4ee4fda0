import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { repositoryRoot } from '../shared/testing/redis-server.js';
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

test('a step that leaves a process behind does not keep whoever reads the output of npm test waiting', async () => {
  // It says who it is, on an output that it never closes.
  const stays =
    "require('node:child_process').spawn('sh', ['-c', 'echo $$; exec sleep 600'], { stdio: 'inherit' }).unref()";
  const gate = `require('./dist/cli/gate.js').runNode(['-e', ${JSON.stringify(stays)}], '.').then(process.exit)`;
  const reader = spawn(process.execPath, ['-e', gate], { cwd: repositoryRoot });
  let output = '';
  reader.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  expect(await once(reader, 'close')).toEqual([0, null]);
  expect(process.kill(Number(output), 'SIGKILL')).toBe(true);
});
