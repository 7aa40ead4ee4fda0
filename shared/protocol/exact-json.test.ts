import { parseExactJson, pathOfNonFinite, textOfPath } from './exact-json.js';

const faultOf = (text: string) => {
  const { fault } = parseExactJson(text, 64);
  return fault && `${textOfPath(fault.path, 'body')} ${fault.message}`;
};

test.each([
  ...['0', '-0', '0.0', '1.0', '1.10', '1e2', '1E+2', '100e-2', '0e999', '-1.5e-3', '1e23', '5e-324'],
  ...['9007199254740991', '9007199254740992', '-9007199254740992', '12345678901234568', '1e308', '1e21'],
  ...[
    '0.1',
    '0.30000000000000004',
    '3.141592653589793',
    '1.7976931348623157e308',
    '100000000000000000000000',
  ],
  // C's `%.17g` and `%.16g` write 0.1, a third, two thirds, and 1.1 like this.
  ...['0.10000000000000001', '0.33333333333333331', '0.6666666666666666', '1.1000000000000001'],
  '0.50000000000000000000000000000000',
])('%s comes back with its value', (text) => {
  expect(faultOf(`[${text}]`)).toBeUndefined();
});

test.each([
  ...['9007199254740993', '-9007199254740993', '3889108265204450030', '1970670598291982290'],
  ...['9007199254740993.0', '9.007199254740993e15', '12345678901234567', '1152921504606846976'],
  ...[
    '1e999',
    '-1e309',
    '1e-400',
    '3e-324',
    '0.1000000000000000055511151231257827',
    '3.14159265358979323846',
  ],
  // Cents that a double has not.
  ...['90071992547409.93', '0.12345678901234567891'],
  `1${'0'.repeat(400)}`,
  `0.${'0'.repeat(400)}1`,
])('%s would not come back, and is refused', (text) => {
  expect(faultOf(`{"a":[1,{"n":${text}}]}`)).toBe('a[1].n is a number that cannot be kept');
});

test.each([
  ['9007199254740993', 'body'],
  ['{"payload":{"id":9007199254740993}}', 'payload.id'],
  ['{"commands":[{},{"payload":[[1],[2,1e999]]}]}', 'commands[1].payload[1][1]'],
  ['{"a\\"b":"9007199254740993","c\\\\":1e999}', 'c\\'],
  ['[{"a":1},"x,{[",{"b":[]},1e999]', '[3]'],
  ['{"":{"":1e999}}', '"".""'],
])('the fault of %s is in %s', (text, field) => {
  expect(faultOf(text)).toBe(`${field} is a number that cannot be kept`);
});

test.each([
  ['{"a":1,"a":1}', 'a'],
  ['{"x":[0,{"a":1,"b":2,"\\u0061":3}]}', 'x[1].a'],
  ['{"__proto__":1,"__proto__":2}', '__proto__'],
  ['{"constructor":{"a":1},"b":{"a":1,"a":{}}}', 'b.a'],
])('%s names a member twice', (text, field) => {
  expect(faultOf(text)).toBe(`${field} is given twice`);
});

test.each([
  '{"a":{"a":{"a":1}},"b":{"a":1}}',
  '[{"a":1},{"a":1}]',
  '{"a:b":"c:d","e":":"}',
  '{"__proto__":{"__proto__":1},"toString":1}',
  '"\\\\\\"9007199254740993"',
  '{"\\ud800":1,"\\ud801":2}',
])('%s comes back as it is', (text) => {
  expect(faultOf(text)).toBeUndefined();
});

test('what is too deep is refused without recursion', () => {
  expect(faultOf('['.repeat(64) + ']'.repeat(64))).toBeUndefined();
  expect(faultOf('['.repeat(65) + ']'.repeat(65))).toBe('body must be nested at most 64 levels deep');
  expect(faultOf('[{"a":'.repeat(50_000) + '1' + '}]'.repeat(50_000))).toMatch(/at most 64 levels/);
});

test('what is no JSON is thrown as JSON.parse throws it', () => {
  expect(() => parseExactJson('{"a":01}', 64)).toThrow(SyntaxError);
});

describe('costs in proportion to its size', () => {
  const size = 1_000_000;
  test.each([
    ['quotes and backslashes', JSON.stringify('\\"'.repeat(size / 4))],
    ['backslashes', JSON.stringify('\\'.repeat(size / 2))],
    ['short strings', JSON.stringify(Array(size / 4).fill('a'))],
    ['one number with many zeros', `0.${'0'.repeat(size)}`],
    ['one number with zeros within', `0.1${'0'.repeat(size)}1`],
    [
      'numbers that are looked at closely',
      `[${Array(size / 20)
        .fill('1.2345678901234567')
        .join()}]`,
    ],
    [
      'names, the last of which is there twice',
      `{${Array.from({ length: size / 10 }, (_, i) => `"${i}":1`).join()},"0":1}`,
    ],
  ])('%s', (_what, text) => {
    const before = process.cpuUsage();
    parseExactJson(text, 64);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(2000);
  });
});

test('of what JSON has no number for, the path is found; circles are left to JSON.stringify', () => {
  const circle: { self?: unknown; n: number } = { n: 1 };
  circle.self = circle;
  expect(pathOfNonFinite({ commands: [{ payload: { list: [1, NaN] } }] })).toEqual([
    'commands',
    0,
    'payload',
    'list',
    1,
  ]);
  expect(pathOfNonFinite(-Infinity)).toEqual([]);
  expect(pathOfNonFinite(circle)).toBeUndefined();
});
