import { builtInTypes } from '../../shared/protocol/command-types.js';
import { nativePatterns } from './native-patterns.js';
import { AnnouncedSchemas, compilePayloadSchema } from './payload-validator.js';
import { vetSchema } from './schema-vetting.js';

const announced = new AnnouncedSchemas(nativePatterns);
const http = compilePayloadSchema(builtInTypes.get('HTTP_GET_JSON')?.payload ?? {});

test.each([
  'http://host/',
  'https://host:8443/a?b=c#d',
  'HTTP://HOST/',
  'http://[::1]:80/',
  'http://127.1/',
  'http://xn--bcher-kva.example/',
  'http://b\u00fccher.example/\u00fc?q=\u00fc',
])('takes the URL %s, as WHATWG has it', (url) => {
  expect(http({ url })).toEqual([]);
});

test.each([
  ['anyOf', { anyOf: [{ type: 'string' }, { type: 'number' }] }, true, 'payload', /string/],
  ['enum', { enum: ['a', 1] }, 'b', 'payload', /one of "a", 1/],
  ['const', { const: 'a' }, 'b', 'payload', /must be "a"/],
  ['two types', { type: ['string', 'null'] }, 1, 'payload', /a string or null/],
  ['one bound', { type: 'number', minimum: 3 }, 2, 'payload', /a number of at least 3/],
  ['exclusive bounds', { type: 'number', exclusiveMaximum: 3 }, 3, 'payload', /< 3/],
  ['a pattern', { type: 'string', pattern: '^a' }, 'b', 'payload', /pattern \^a/],
  ['a format', { type: 'string', format: 'date' }, 'b', 'payload', /a date such as 2026-11-22/],
  [
    'an escaped name',
    { properties: { 'a/b~c': { type: 'string' } } },
    { 'a/b~c': 1 },
    'payload.a/b~c',
    /a string/,
  ],
  [
    'a place in an array',
    { items: { items: { type: 'string' } } },
    [['x'], ['x', 1]],
    'payload[1][1]',
    /a string/,
  ],
  [
    'unevaluated',
    { properties: { name: {} }, unevaluatedProperties: false },
    { nam: 1 },
    'payload.nam',
    /did you mean name/,
  ],
])('says in plain words what is wrong: %s', (_what, schema, payload, field, message) => {
  expect(announced.compile(schema)(payload)[0]).toEqual({
    field,
    message: expect.stringMatching(message) as string,
  });
});

test('says one thing of each field', () => {
  expect(http({ url: 'nothing of a URL' })).toHaveLength(1);
});

test.each([
  ['a type that is none', { type: 'strin' }],
  ['a reference that leads nowhere', { $ref: '#/$defs/missing' }],
  ['a reference to another host', { $ref: 'https://example.org/schema' }],
  ['another dialect', { $schema: 'http://json-schema.org/draft-04/schema#' }],
  ['a pattern that is none', { type: 'string', pattern: '(' }],
  // The validator would return a promise, which is truthy whatever the payload.
  ['$async', { $async: true, type: 'object' }],
])('a schema with %s cannot be used', (_what, schema) => {
  expect(vetSchema(schema).fault).toEqual(expect.any(String));
});

test.each([
  ['a class of Unicode', '^\\p{L}+$', 'über', '1'],
  ['an escape that only patterns without the flag u may have', '^[^\\@]+\\-x$', 'a-x', 'a@-x'],
])('reads a pattern with %s as the agent does', (_, pattern, good, bad) => {
  const validate = announced.compile({ type: 'string', pattern });
  expect(validate(good)).toEqual([]);
  expect(validate(bad)).toHaveLength(1);
});

test('two types may use the same $id', () => {
  const schema = { $id: 'https://example.org/mine', type: 'object' };
  expect(() => [announced.compile(schema), announced.compile(schema)]).not.toThrow();
});
