import { countSchema, durationSchema } from './values.js';

test.each([
  ['500ms', 500],
  ['1.5s', 1500],
  ['30', 30_000],
  ['5m', 300_000],
  ['2h', 7_200_000],
  ['1d', 86_400_000],
])('%s is %d ms', (text, ms) => {
  expect(durationSchema.parse(text)).toBe(ms);
});

test.each(['', 'soon', '-1s', '5 m', '1w', '1e3'])('"%s" is no time, and it says what is', (text) => {
  const message = expect.stringContaining('500ms, 30s, 5m') as string;
  expect(durationSchema.safeParse(text).error?.issues).toEqual([expect.objectContaining({ message })]);
});

test.each(['0', '4', '1.5', 'x', ''])('"%s" is no number from 1 to 3', (text) => {
  expect(countSchema(1, 3).safeParse(text).success).toBe(false);
});
