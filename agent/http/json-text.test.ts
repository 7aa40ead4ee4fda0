import { parseJsonText } from './json-text.js';

test.each([
  ['', null],
  ['null', null],
  ['{"a":[1,true,"x"]}', { a: [1, true, 'x'] }],
  [' 7 ', 7],
  [`"${'['.repeat(5000)}"`, '['.repeat(5000)],
  ['"\\"[[["', '"[[['],
  ['['.repeat(200) + ']'.repeat(200), JSON.parse('['.repeat(200) + ']'.repeat(200)) as unknown],
])('parses %.20s', (text, value) => {
  expect(parseJsonText(text)).toEqual({ value, problem: null });
});

test.each([
  ['what is not JSON', '<html>', 'the body is not JSON; it is given as text'],
  ['white space', ' \n', 'the body is not JSON; it is given as text'],
  ['half a document', '{"a":', 'the body is not JSON; it is given as text'],
  [
    'a number that would become Infinity',
    '[1e999]',
    '[0] is a number that cannot be kept; it is given as text',
  ],
  [
    'what JSON.stringify would overflow the stack with',
    '['.repeat(50_000) + ']'.repeat(50_000),
    'the body is nested more than 200 levels deep; it is given as text',
  ],
])('gives %s as text, and says why', (_what, text, problem) => {
  expect(parseJsonText(text)).toEqual({ value: text, problem });
});
