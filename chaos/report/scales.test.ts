import { countTicks, decades, timeTicks } from './scales.js';

test.each([
  { max: 0, at: [0, 1] },
  { max: 3, at: [0, 1, 2, 3] },
  { max: 37, at: [0, 10, 20, 30, 40] },
  { max: 100, at: [0, 50, 100] },
  { max: 104, at: [0, 50, 100, 150] },
  { max: 1201, at: [0, 500, 1000, 1500] },
])('an axis of counts up to $max is marked at $at', ({ max, at }) => {
  expect(countTicks(max)).toEqual({ end: at.at(-1), at });
});

test.each([
  { seconds: 0, every: 1 },
  { seconds: 20, every: 5 },
  { seconds: 60, every: 10 },
  { seconds: 125, every: 30 },
  { seconds: 1800, every: 300 },
  { seconds: 12 * 3600, every: 7200 },
])('an axis of $seconds s has a mark every $every s, and ends with the run', ({ seconds, every }) => {
  const { end, at } = timeTicks(seconds * 1000);
  expect(end).toBe(seconds * 1000);
  expect(at).toEqual(Array.from({ length: Math.floor(seconds / every) + 1 }, (_, i) => i * every * 1000));
});

test.each([
  { min: 85, max: 4380, at: [10, 100, 1000, 10_000] },
  { min: 1, max: 1, at: [1, 10] },
  { min: 100, max: 1000, at: [100, 1000] },
])('a logarithmic axis from $min to $max has the powers of ten $at', ({ min, max, at }) => {
  expect(decades(min, max)).toEqual(at);
});
