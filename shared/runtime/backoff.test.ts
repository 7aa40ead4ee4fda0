import { backoffMs, ceilingMs } from './backoff.js';

describe('backoff', () => {
  test.each([
    [0, 0],
    [1, 100],
    [2, 200],
    [5, 1600],
    [6, 2000],
    [5000, 2000],
  ])('after %i failures the ceiling is %i ms', (failures, wanted) => {
    expect(ceilingMs(failures, 100, 2000)).toBe(wanted);
  });

  test('jitter spans everything from zero to the ceiling', () => {
    const options = { firstMs: 100, maxMs: 2000 };
    expect(backoffMs(3, { ...options, random: () => 0 })).toBe(0);
    expect(backoffMs(3, { ...options, random: () => 0.999 })).toBe(399);
  });
});
