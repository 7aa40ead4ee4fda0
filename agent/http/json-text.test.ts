import { parseJsonText } from './json-text.js';

test.each([
  ['', null],
  ['null', null],
  ['{"a":[1,true,"x"]}', { a: [1, true, 'x'] }],
  [' 7 ', 7],
  [`"${'['.repeat(5000)}"`, '['.repeat(5000)],
  ['"\\"[[["', '"[[['],
  ['['.repeat(59) + ']'.repeat(59), JSON.parse('['.repeat(59) + ']'.repeat(59)) as unknown],
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
    'the body is nested more than 59 levels deep; it is given as text',
  ],
])('gives %s as text, and says why', (_what, text, problem) => {
  expect(parseJsonText(text)).toEqual({ value: text, problem });
});

test.each([
  ['{"snow":1970670598291982290}', 'snow'],
  ['[9007199254740991,9007199254740993]', '[1]'],
  ['{"12345678901234567890":"98765432109876543210","n":-9223372036854775807}', 'n'],
  ['12345678901234567.25', 'the body'],
])('gives %s as text, and names the number that JavaScript cannot hold', (text, place) => {
  const problem = `${place} is a number that cannot be kept; it is given as text`;
  expect(parseJsonText(text)).toEqual({ value: text, problem });
});

test.each([
  '9007199254740991',
  '9007199254740992',
  '1970670598291982300',
  '100000000000000000000',
  '0.10000000000000001',
  '-1.7976931348623157e308',
  '3.141592653589793',
  '1.00000000000000000000',
  '0.000000000000000000000',
  '["3889108265204450030"]',
])('keeps %s', (text) => {
  expect(parseJsonText(text)).toEqual({ value: JSON.parse(text) as unknown, problem: null });
});
