import { Deadlines } from './deadlines.js';

let deadlines: Deadlines;
beforeEach(() => {
  jest.useFakeTimers();
  deadlines = new Deadlines();
});
afterEach(() => jest.useRealTimers());

const day = 24 * 3600 * 1000;

test.each([1, 10, 11, 50, 60_000, 30 * day])('passes after %i ms, and not before', (ms) => {
  const passed = jest.fn();
  deadlines.after(ms, passed);
  jest.advanceTimersByTime(ms - 1);
  expect(passed).not.toHaveBeenCalled();
  jest.advanceTimersByTime(1);
  expect(passed).toHaveBeenCalledTimes(1);
  jest.advanceTimersByTime(day);
  expect(passed).toHaveBeenCalledTimes(1);
});

test.each([
  ['before it has a timer of its own', 0],
  ['when it has one', 20],
])('ended %s, it does not pass', (_, afterMs) => {
  const passed = jest.fn();
  const end = deadlines.after(1000, passed);
  jest.advanceTimersByTime(afterMs);
  end();
  end();
  jest.advanceTimersByTime(day);
  expect(passed).not.toHaveBeenCalled();
  expect(jest.getTimerCount()).toBe(0);
});

test('however many begin and end in a moment, there is one timer', () => {
  for (let i = 0; i < 1000; i++) {
    const end = deadlines.after(60_000, () => undefined);
    expect(jest.getTimerCount()).toBe(1);
    end();
  }
  jest.advanceTimersByTime(5);
  expect(jest.getTimerCount()).toBe(0);
});

test('those that begin after a look are seen by the next one', () => {
  const passed = jest.fn();
  const end = deadlines.after(100, passed);
  jest.advanceTimersByTime(5);
  deadlines.after(100, passed);
  end();
  jest.advanceTimersByTime(100);
  expect(passed).toHaveBeenCalledTimes(1);
});
