import { setLongTimer } from './long-timer.js';

const dayMs = 24 * 3600 * 1000;
const monthMs = 30 * dayMs;

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test.each([0, 1, 2 ** 31 - 1, 2 ** 31, monthMs, 365 * dayMs])('fires after %d ms, and not before', (ms) => {
  const fire = jest.fn();
  setLongTimer(ms, fire);
  if (ms > 0) {
    jest.advanceTimersByTime(ms - 1);
    expect(fire).not.toHaveBeenCalled();
  }
  jest.advanceTimersByTime(1);
  expect(fire).toHaveBeenCalledTimes(1);
});

test('does not fire once it was ended, also when it was set anew meanwhile', () => {
  const fire = jest.fn();
  const end = setLongTimer(monthMs, fire);
  jest.advanceTimersByTime(29 * dayMs);
  end();
  jest.advanceTimersByTime(monthMs);
  expect(fire).not.toHaveBeenCalled();
});
