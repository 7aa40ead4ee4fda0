import { repositoryRoot } from '../testing/redis-server.js';
import {
  beginsWithFragment,
  commentsOf,
  commentsThat,
  namesNoRole,
  titlesOf,
  titlesThat,
} from './comments.js';

test('comments are found with their lines: blocks by paragraph, neighbouring lines as one', () => {
  const source = [
    '/**',
    ' * The first paragraph',
    ' * goes on.',
    ' *',
    ' * The second one.',
    ' *',
    ' * @returns nothing',
    ' */',
    'const a = 1;',
    '// One comment',
    '// of two lines.',
    'const b = 2;',
    '/** A line. */',
  ].join('\n');
  expect(commentsOf('a.ts', source)).toEqual([
    { line: 2, text: 'The first paragraph goes on.' },
    { line: 5, text: 'The second one.' },
    { line: 13, text: 'A line.' },
    { line: 10, text: 'One comment of two lines.' },
  ]);
  expect(commentsOf('a.lua', '#!lua\n-- One comment\n-- of two lines.\nlocal a = 1\n')).toEqual([
    { line: 2, text: 'One comment of two lines.' },
  ]);
});

test.each([
  ['What is broken waits for an operator.', true],
  ['Of each type, the newest.', true],
  ['It is renewed.', true],
  ['A broken key waits for an operator.', false],
  ['Item by item.', false],
])('%j begins with a fragment: %s', (text, isFragment) => {
  expect(beginsWithFragment({ line: 1, text })).toBe(isFragment);
});

test('fewer than two of a hundred comments begin with a fragment', () => {
  const { found, of } = commentsThat(repositoryRoot, beginsWithFragment);
  expect(of).toBeGreaterThan(3000);
  // The places are shown only when there are too many.
  expect(found.length < 0.02 * of ? [] : found).toEqual([]);
});

test('comments name roles, and no indefinite persons', () => {
  const { found } = commentsThat(repositoryRoot, namesNoRole);
  expect(found).toEqual([]);
});

test('titles are found with their lines: of tests and groups, with and without a table', () => {
  // Not as one word, since this is the source of a test, too.
  const word = ['no', 'body'].join('');
  const source = [
    "describe('a queue', () => {",
    '  it.concurrent("an agent’s", () => undefined);',
    '  test.each<[string]>([',
    `    ['${word}'],`,
    '  ])(',
    "    'it\\'s %s',",
    '    (who) => expect(/x/.test(who)).toBe(true),',
    '  );',
    `  it('http', 'that ${word} reads', () => expect(pattern.test('${word}')).toBe(false));`,
    '});',
  ].join('\n');
  const found = titlesOf('a.test.ts', source);
  expect(found).toEqual([
    { line: 1, text: 'a queue' },
    { line: 2, text: 'an agent’s' },
    { line: 5, text: "it\\'s %s" },
    { line: 9, text: 'http' },
    { line: 9, text: `that ${word} reads` },
  ]);
  expect(found.filter(namesNoRole)).toEqual(found.slice(-1));
});

test.each(['somebody', 'nobody', 'whoever', 'anybody', 'Everybody'])('%s names no role', (word) => {
  expect(namesNoRole({ text: `${word} reads it` })).toBe(true);
});

test.each(['an operator reads it', 'the reply is "nobody"'])('%j may be written', (text) => {
  expect(namesNoRole({ text })).toBe(false);
});

test('titles of tests name roles, too', () => {
  const { found, of } = titlesThat(repositoryRoot, namesNoRole);
  expect(of).toBeGreaterThan(2000);
  expect(found).toEqual([]);
});
