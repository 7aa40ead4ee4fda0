import { repositoryRoot } from '../shared/testing/redis-server.js';
import { beginsWithFragment, commentsOf, commentsThat, namesNoRole } from './comments.js';

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

test('comments name roles, and not somebody, nobody, anybody or whoever', () => {
  const { found } = commentsThat(repositoryRoot, namesNoRole);
  expect(found).toEqual([]);
});
