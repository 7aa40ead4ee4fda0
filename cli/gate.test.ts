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
