import { schemaLimits } from '../../shared/protocol/bounds.js';
import { type JsonSchema } from '../../shared/protocol/command-types.js';
import { vetSchema } from './schema-vetting.js';

/** A schema whose value is checked by 2 to the power of `levels` schemas. */
function doubling(levels: number): JsonSchema {
  const names = Array.from({ length: levels }, (_, i) => `d${i}`);
  const twice = (i: number) => ({ $ref: `#/$defs/d${i + 1}` });
  const defs = names.map((name, i) => [
    name,
    i + 1 < levels ? { anyOf: [twice(i), twice(i)] } : { type: 'string' },
  ]);
  return { $ref: '#/$defs/d0', $defs: Object.fromEntries(defs) as JsonSchema };
}

function nested(levels: number): JsonSchema {
  let schema: JsonSchema = { type: 'string' };
  for (let i = 0; i < levels; i++) schema = { properties: { a: schema } };
  return schema;
}

const many = (count: number, value: unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, value]));

test.each<[string, JsonSchema, RegExp]>([
  ['refers to itself', { $ref: '#' }, /\$ref .* leads back to itself without an end/],
  ['refers to itself within allOf', { allOf: [{ $ref: '#' }] }, /leads back to itself/],
  [
    'refers in a circle',
    { $ref: '#/$defs/a', $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }] }, b: { $ref: '#/$defs/a' } } },
    /leads back to itself/,
  ],
  ['checks one value by millions of schemas', doubling(22), /apply more than 1000 schemas to one value/],
  ['is nested too deep', nested(schemaLimits.levels + 1), /nested more than 64 levels deep/],
  ['has too many schemas', { properties: many(schemaLimits.schemas, {}) }, /more than 500 schemas in it/],
  ['refers to something that is no schema', { $ref: '#/$defs/none' }, /leads to no schema in it/],
  ['has a reference that is no text', { $ref: 7 }, /\$ref must be a string/],
  ['has a pattern that refers back', { pattern: '^(a+)\\1$' }, /cannot be checked in linear time/],
  ['has a pattern that looks behind', { pattern: '(?<=a)b' }, /cannot be checked in linear time/],
  [
    'has patterns that are large together',
    {
      properties: Object.fromEntries(
        Array.from({ length: 40 }, (_, i) => [`p${i}`, { pattern: `^[a-z${i}]{90}$` }]),
      ),
    },
    /patterns together have more than 2000 states/,
  ],
  ['gives $id below its root', { properties: { a: { $id: 'x' } } }, /\$id can be used at the root only/],
])('a schema that %s is refused', (_what, schema, fault) => {
  expect(vetSchema(JSON.parse(JSON.stringify(schema)) as JsonSchema).fault).toMatch(fault);
});

test.each<[string, boolean, JsonSchema]>([
  ['a tree, which refers to itself further down', false, { properties: { child: { $ref: '#' } } }],
  ['one of many schemas for one value', false, doubling(7)],
  ['as deep as may be', true, nested(30)],
  [
    'one of a few properties',
    true,
    { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
  ],
])('a schema that is %s can be used; it is light: %s', (_what, isLight, schema) => {
  expect(vetSchema(schema)).toEqual({ isLight, schemas: expect.any(Number) as number });
});
