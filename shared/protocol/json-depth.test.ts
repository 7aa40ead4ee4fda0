import { isNestedDeeper } from './json-depth.js';

const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

test.each([
  ['a number', '7', 0, false],
  ['as deep as may be', nested(60), 60, false],
  ['a level deeper', nested(61), 60, true],
  ['deep beside what is not', `{"a":[],"b":${nested(60)}}`, 60, true],
  ['wide', JSON.stringify(Array.from({ length: 1000 }, () => [])), 2, false],
  ['brackets in a string', JSON.stringify([`"\\${'['.repeat(1000)}`]), 1, false],
  ['brackets behind a string that ends in a backslash', '["\\\\",[[]]]', 2, true],
  ['so deep that recursion would overflow the stack', nested(1_000_000), 60, true],
])('%s', (_what, json, levels, isDeeper) => {
  expect(isNestedDeeper(json, levels)).toBe(isDeeper);
});
