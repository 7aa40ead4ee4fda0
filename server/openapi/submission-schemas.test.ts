import addFormats from 'ajv-formats';
import Ajv2020 from 'ajv/dist/2020.js';
import { z } from 'zod';
import { openApiDocument } from './document.js';
import { type DocumentedType } from './submission-schemas.js';

/** A type as an agent announced it. */
const typeOf = (type: string, payload: object, more: Partial<DocumentedType> = {}): DocumentedType => ({
  type,
  source: 'announced',
  payload: { ...payload },
  result: { type: 'object' },
  schemaError: null,
  conflict: null,
  ...more,
});

/** Whether the document with these types accepts a submission. */
function isSubmission(types: readonly DocumentedType[], submission: object): boolean {
  const ajv = new Ajv2020({ strict: false });
  addFormats(ajv);
  ajv.addSchema({ $id: 'document', ...openApiDocument(types) });
  return ajv.validate({ $ref: 'document#/components/schemas/Submission' }, submission);
}

const schemasOf = (...types: DocumentedType[]) => openApiDocument(types).components.schemas;

const resize = typeOf('RESIZE', { properties: { width: { type: 'integer' } }, required: ['width'] });
const tree = typeOf('TREE', {
  $ref: '#/$defs/node~1of%20tree',
  $defs: {
    'node/of tree': { properties: { left: { $ref: '#/$defs/node~1of%20tree' }, size: { type: 'integer' } } },
  },
});
const list = typeOf('LIST', { type: 'array', items: { anyOf: [{ type: 'null' }, { $ref: '#' }] } });
const property = typeOf('PROPERTY', { properties: { $ref: { type: 'integer' }, $id: { type: 'integer' } } });
const value = typeOf('VALUE', { const: { $ref: '#/nowhere', $id: 'x' } });

test.each<[string, DocumentedType, unknown, boolean]>([
  ['a payload that fits', resize, { width: 3 }, true],
  ['a payload that does not fit', resize, { width: 'x' }, false],
  ['a reference, and one behind it', tree, { left: { left: { size: 1 } } }, true],
  ['a reference, and what does not fit behind it', tree, { left: { left: { size: 'x' } } }, false],
  ['a reference to the whole', list, [[null], []], true],
  ['a reference to the whole, and what does not fit', list, [[1]], false],
  ['a property that is called $ref', property, { $ref: 1, $id: 2 }, true],
  ['a property that is called $ref, and does not fit', property, { $ref: '#' }, false],
  ['a value that looks like a reference', value, { $ref: '#/nowhere', $id: 'x' }, true],
])('the document checks %s', (_, type, payload, fits) => {
  expect(isSubmission([type], { type: type.type, payload })).toBe(fits);
});

test('a submission is of a type that is known, and gives runAt or delayMs', () => {
  const types = [resize, list];
  expect(isSubmission(types, { type: 'LIST', payload: [], queue: 'q', delayMs: 1 })).toBe(true);
  expect(isSubmission(types, { type: 'OTHER', payload: [] })).toBe(false);
  expect(isSubmission(types, { type: 'LIST', payload: [], queu: 'q' })).toBe(false);
  const both = { delayMs: 1, runAt: '2026-11-22T13:00:00Z' };
  expect(isSubmission(types, { type: 'LIST', payload: [], ...both })).toBe(false);
});

test('what zod makes of any JSON is the one schema that the document has for it', () => {
  const payload = z.toJSONSchema(z.strictObject({ body: z.json(), more: z.json().optional() }));
  const schemas = schemasOf(typeOf('ANY', payload));
  expect(schemas['Payload.ANY']).toEqual({
    type: 'object',
    properties: {
      body: { $ref: '#/components/schemas/Json' },
      more: { $ref: '#/components/schemas/Json' },
    },
    required: ['body'],
    additionalProperties: false,
  });
});

const deep = Array.from({ length: 5000 }).reduce<object>((items) => ({ items }), {});

test.each<[string, object]>([
  ['an $id', { $id: 'https://example.com/payload', type: 'object' }],
  ['an $anchor below', { properties: { a: { $anchor: 'here' } } }],
  ['a $dynamicRef', { items: { $dynamicRef: '#x' } }],
  ['a reference to elsewhere', { $ref: 'https://json-schema.org/draft/2020-12/schema' }],
  ['a reference into what is no schema', { $ref: '#/x', x: { $ref: '#' } }],
  ['a reference to nothing', { items: { $ref: '#/$defs/none' } }],
  ['another dialect', { $schema: 'http://json-schema.org/draft-07/schema#' }],
  ['what is no JSON Schema', { type: 'number of pages' }],
  ['what is no reference', { $ref: 7 }],
  ['too many levels', deep],
])('a payload schema with %s is not in the document: any JSON is', (_, payload) => {
  const schemas = schemasOf(typeOf('ODD', payload, { result: { ...payload } }));
  expect(schemas['Payload.ODD']).toEqual({
    description: 'The JSON Schema of this payload is at `GET /types`.',
  });
  expect(schemas).not.toHaveProperty(['Result.ODD']);
  expect(isSubmission([typeOf('ODD', payload)], { type: 'ODD', payload: 7 })).toBe(true);
});

test('of a type with conflicting versions, a payload fits all versions, and a result one of them', () => {
  const version = (name: string) => ({
    digest: name,
    agents: [name],
    payload: { required: [name], $defs: { any: {} }, properties: { [name]: { $ref: '#/$defs/any' } } },
    result: { required: [name] },
    onAgentLost: null,
    defaultTimeoutMs: null,
    announcedAt: null,
  });
  const conflict = { note: 'they disagree', versions: [version('width'), version('height')] };
  const conflicting = typeOf('SIZE', { required: ['width'] }, { conflict });
  const isOfAll = (payload: object) => isSubmission([conflicting], { type: 'SIZE', payload });
  expect([isOfAll({ width: 1 }), isOfAll({ height: 1 }), isOfAll({ width: 1, height: 1 })]).toEqual([
    false,
    false,
    true,
  ]);
  expect(schemasOf(conflicting)['Result.SIZE']).toEqual({
    anyOf: [{ required: ['width'] }, { required: ['height'] }],
  });
  const builtIn = typeOf('SIZE', { required: ['width'] }, { conflict, source: 'built-in' });
  expect(schemasOf(builtIn)['Payload.SIZE']).toEqual({ required: ['width'] });
});

test.each<[string, DocumentedType]>([
  ['cannot be used', typeOf('BAD', {}, { schemaError: 'no schema' })],
  ['has a name that no submission can have', typeOf('a/b ~{}', {})],
])('a type that %s is left out', (_, type) => {
  const schemas = schemasOf(type, resize);
  expect(Object.keys(schemas).filter((name) => name.includes(type.type))).toEqual([]);
  expect(schemas.Submission).toMatchObject({ oneOf: [{ $ref: '#/components/schemas/Submission.RESIZE' }] });
});

test.each(['Problem', 'Submission', 'constructor', 'toString', 'a.b-c_d', 'x'.repeat(64)])(
  'a type called %s takes the place of nothing',
  (name) => {
    const before = schemasOf(resize);
    const after = schemasOf(resize, typeOf(name, { type: 'integer' }));
    expect(
      Object.keys(after)
        .filter((one) => !(one in before))
        .toSorted(),
    ).toEqual([`Payload.${name}`, `Result.${name}`, `Submission.${name}`].toSorted());
    expect(isSubmission([resize, typeOf(name, { type: 'integer' })], { type: name, payload: 7 })).toBe(true);
  },
);
