import { counted, span, times, wait } from './units.js';

test.each([
  [times(12_345), '12,345'],
  [times(97.46), '97.5'],
  [counted(1, 'fault'), '1 fault'],
  [counted(2000, 'fault'), '2,000 faults'],
  [wait(84.6), '85 ms'],
  [wait(999.7), '1.00 s'],
  [wait(1240), '1.24 s'],
  [wait(9996), '10.0 s'],
  [wait(12_440), '12.4 s'],
  [span(45_400), '0:45'],
  [span(1_800_000), '30:00'],
  [span(5_400_000), '1:30:00'],
])('%s reads %s', (text, expected) => {
  expect(text).toBe(expected);
});
