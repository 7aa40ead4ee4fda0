import { paintFor } from './paint.js';
import { rowText, tableText } from './table.js';

const green = '\u001b[32mok\u001b[39m';

test('paints on a terminal, unless that or its user does not want it', () => {
  expect(paintFor({ isTTY: true }, {}).good('ok')).toBe(green);
  expect(paintFor({ isTTY: true }, { NO_COLOR: '1' }).good('ok')).toBe('ok');
  expect(paintFor({ isTTY: true }, { TERM: 'dumb' }).good('ok')).toBe('ok');
  expect(paintFor({}, {}).good('ok')).toBe('ok');
  // As https://no-color.org has it: set, and not empty.
  expect(paintFor({ isTTY: true }, { NO_COLOR: '' }).good('ok')).toBe(green);
});

test('columns are as wide as what one sees of them', () => {
  expect(
    tableText([
      ['a', 'b'],
      [green, 'c'],
      ['long', ''],
    ]),
  ).toEqual(['a     b', `${green}    c`, 'long']);
  expect(rowText([green, 'x'], [4])).toBe(`${green}    x`);
});
