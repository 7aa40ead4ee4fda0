import { lineFor } from './commands/colours.js';
import { paintFor } from './paint.js';
import { rowText, tableText } from './commands/table.js';

const green = '\u001b[32mok\u001b[39m';
const shown = (stream: { isTTY?: boolean }, env: Record<string, string> = {}) =>
  lineFor(paintFor(stream, env).good('ok'));

test('paints on a terminal, unless that or its user does not want it', () => {
  expect(shown({ isTTY: true })).toBe(green);
  expect(shown({ isTTY: true }, { NO_COLOR: '1' })).toBe('ok');
  expect(shown({ isTTY: true }, { TERM: 'dumb' })).toBe('ok');
  expect(shown({})).toBe('ok');
  // NO_COLOR counts when it is set and not empty (https://no-color.org).
  expect(shown({ isTTY: true }, { NO_COLOR: '' })).toBe(green);
});

test('columns are as wide as what one sees of them', () => {
  const ok = paintFor({ isTTY: true }, {}).good('ok');
  const lines = tableText([
    ['a', 'b'],
    [ok, 'c'],
    ['long', ''],
  ]);
  expect(lines.map(lineFor)).toEqual(['a     b', `${green}    c`, 'long']);
  expect(lineFor(rowText([ok, 'x'], [4]))).toBe(`${green}    x`);
  expect(
    tableText([
      ['\u001b', 'b'],
      ['1234567', 'c'],
    ]).map(lineFor),
  ).toEqual(['\\u001b   b', '1234567  c']);
});
