import { z } from 'zod';
import { stringRule } from './format-names.js';

test.each([
  [z.guid(), 'must be a UUID such as '],
  [z.iso.datetime(), 'must be a time such as 2026-11-22T18:00:00Z'],
  [z.email(), 'must be an e-mail address'],
  [z.string().regex(/^a+$/), 'must match the pattern ^a+$'],
])('a format is named, and not the expression that checks it', (schema, rule) => {
  expect(stringRule(z.toJSONSchema(schema))).toContain(rule);
});

test('a format that has no example is named by itself', () => {
  expect(stringRule({ format: 'constructor' })).toBe('must match the format constructor');
});
