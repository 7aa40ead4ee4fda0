import { spreadOf } from './statistics.js';

test.each([
  { values: [3], spread: { median: 3, min: 3, max: 3 } },
  { values: [10, 9, 1], spread: { median: 9, min: 1, max: 10 } },
  { values: [4, 1, 3, 2], spread: { median: 2.5, min: 1, max: 4 } },
])('the spread of $values', ({ values, spread }) => {
  expect(spreadOf(values)).toEqual(spread);
});
