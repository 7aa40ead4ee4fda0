import { quantile, spreadOf } from './statistics.js';

test.each([
  { values: [3], spread: { median: 3, min: 3, max: 3 } },
  { values: [10, 9, 1], spread: { median: 9, min: 1, max: 10 } },
  { values: [4, 1, 3, 2], spread: { median: 2.5, min: 1, max: 4 } },
])('the spread of $values', ({ values, spread }) => {
  expect(spreadOf(values)).toEqual(spread);
});

test.each([
  { q: 0.5, value: 2 },
  { q: 0.75, value: 3 },
  { q: 0.99, value: 4 },
  { q: 0, value: 1 },
])('quantile $q of four values is one of them', ({ q, value }) => {
  expect(quantile([4, 1, 3, 2], q)).toBe(value);
});
