import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { repositoryRoot } from '../../testing/redis-server.js';
import { document, validatorAt } from '../testing/document.js';
import { generatedFiles } from './generated-files.js';

const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8');
const committed = generatedFiles(join(repositoryRoot, 'shared/protocol/builtin-types.json'));

test.each(Object.keys(committed))('%s is what the code makes of it (else: npm run generate)', (path) => {
  expect(read(path)).toBe(committed[path]);
});

/** The schema that the OpenAPI Initiative publishes for documents of 3.1. */
const schemaOfDocuments: object = JSON.parse(
  read('node_modules/@seriousme/openapi-schema-validator/schemas/v3.1/schema.json'),
) as object;

const isDocument = (() => {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats(ajv);
  // Formats of the published schema that ajv-formats does not have.
  ajv.addFormat('media-range', true);
  return ajv.compile(schemaOfDocuments);
})();

test('is an OpenAPI 3.1 document by the schema of the OpenAPI Initiative', () => {
  isDocument(document);
  expect(isDocument.errors ?? []).toEqual([]);
});

test('that schema does refuse what is none', () => {
  expect(isDocument({ ...document, paths: { commands: {} } })).toBe(false);
  expect(isDocument({ ...document, info: { title: 'no version' } })).toBe(false);
});

/** Every object in a value, with a JSON pointer to it. */
function* objectsIn(value: unknown, at = '#'): Generator<[string, Readonly<Record<string, unknown>>]> {
  if (typeof value !== 'object' || value === null) return;
  if (!Array.isArray(value)) yield [at, value as Readonly<Record<string, unknown>>];
  for (const [key, child] of Object.entries(value)) {
    yield* objectsIn(child, `${at}/${encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'))}`);
  }
}

const all = [...objectsIn(document)];
const places = new Set(all.map(([at]) => decodeURIComponent(at)));

test('every reference is to something in the document', () => {
  const refs = all.flatMap(([, { $ref }]) => (typeof $ref === 'string' ? [$ref] : []));
  expect(refs.length).toBeGreaterThan(100);
  expect(refs.filter((ref) => !places.has(ref))).toEqual([]);
});

const componentName = /^[a-zA-Z0-9._-]+$/;

test('every component has a name that OpenAPI allows, and a schema that JSON Schema does', () => {
  const names = Object.values(document.components).flatMap((group) => Object.keys(group));
  expect(names.filter((name) => !componentName.test(name))).toEqual([]);
  for (const name of Object.keys(document.components.schemas)) validatorAt(`#/components/schemas/${name}`);
});

/** Every example, with the schema that it is an example of. */
const examples = all.flatMap(([at, { schema, example, examples: named }]) => {
  if (schema === undefined) return [];
  const values = Object.entries(
    (named ?? {}) as Readonly<Record<string, { $ref?: string; value?: unknown }>>,
  );
  return [
    ...(example === undefined ? [] : [[at, example] as const]),
    ...values.map(([name, { $ref, value }]) => {
      const component = $ref?.replace('#/components/examples/', '');
      return [
        at,
        component === undefined ? value : document.components.examples[component]?.value,
        name,
      ] as const;
    }),
  ];
});

test('every example fits its schema', () => {
  const faults = examples.flatMap(([at, value, name]) => {
    const validate = validatorAt(`${at}/schema`);
    return validate(value) ? [] : [{ at, name, errors: validate.errors }];
  });
  expect(faults).toEqual([]);
  expect(examples.length).toBeGreaterThan(80);
});

test('every answer in JSON has an example, but this document itself', () => {
  const without = all
    .filter(([at]) => /\/responses\/[^/]+\/content\/application~1(problem%2B)?json$/.test(at))
    .filter(([, { example, examples: named }]) => example === undefined && named === undefined);
  expect(without.map(([at]) => at)).toEqual([
    '#/paths/~1openapi.json/get/responses/200/content/application~1json',
  ]);
});
