import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { anyJson, anyJsonPointer, namesOfJson } from './any-json.js';
import { components, type Io, namedSchemas } from './components.js';
import { type SchemaObject, schemasPointer } from './schema-object.js';

/**
 * The JSON Schema of a zod schema, as it stands in the document: what has a name there is a reference.
 *
 * @param io `input`: as it is sent to the server; `output`: as the server answers
 */
export function schemaOf(schema: z.ZodType, io: Io): SchemaObject {
  const { $defs, ...own } = convert(schema, io);
  return tidy(own, namesOfJson($defs));
}

/** Every schema that has a name, by it. */
export function componentSchemas(): Record<string, SchemaObject> {
  const schemas: Record<string, SchemaObject> = { Json: anyJson };
  for (const { name, schema, io } of components) {
    const { $defs = {} } = convert(schema, io);
    const own = $defs[name];
    if (own === undefined) throw new Error(`zod has no definition of ${name}`);
    schemas[name] = tidy(own, namesOfJson($defs));
  }
  return schemas;
}

const convert = (schema: z.ZodType, io: Io) =>
  z.toJSONSchema(schema, {
    io,
    metadata: namedSchemas,
    override: ({ zodSchema, jsonSchema }) => spell(zodSchema, jsonSchema),
  });

/**
 * Replaces the schema of text in a query by that of the value it is parsed into: digits become a whole number,
 * words with commas between them an array. OpenAPI describes separately how the value is written.
 */
function spell(zodSchema: z.core.$ZodTypes, jsonSchema: z.core.JSONSchema.BaseSchema): void {
  const { def } = zodSchema._zod;
  // Descriptions given with `.describe` are in zod's own registry.
  const description = z.globalRegistry.get(zodSchema)?.description;
  if (description !== undefined) jsonSchema.description ??= description;
  if (def.type === 'default') jsonSchema.default ??= def.defaultValue;
  if (def.type !== 'pipe' || jsonSchema.type !== 'string') return;
  const becomes = z.toJSONSchema(def.out, { io: 'input', unrepresentable: 'any' });
  if (becomes.type !== 'integer' && becomes.type !== 'array') return;
  delete jsonSchema.pattern;
  Object.assign(jsonSchema, becomes);
}

/** Formats that make zod's pattern for them redundant. */
const tellingFormats = new Set<unknown>(['date-time', 'uuid']);

/** Removes what no reader needs: bounds that all JSON numbers have, patterns of formats, any-string `propertyNames`. */
function tidy(schema: object, json: ReadonlySet<string>): SchemaObject {
  const format = 'format' in schema ? schema.format : undefined;
  const kept = Object.entries(schema).filter(([key, value]) => {
    // The dialect is that of the document.
    if (key === '$schema') return false;
    if (key === 'minimum') return value !== Number.MIN_SAFE_INTEGER;
    if (key === 'maximum') return value !== Number.MAX_SAFE_INTEGER;
    if (key === 'pattern') return !tellingFormats.has(format);
    return key !== 'propertyNames' || !isDeepStrictEqual(value, { type: 'string' });
  });
  return Object.fromEntries(
    kept.map(([key, value]) => [key, key === '$ref' ? placeOf(String(value), json) : tidyValue(value, json)]),
  );
}

function tidyValue(value: unknown, json: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((item) => tidyValue(item, json));
  return typeof value === 'object' && value !== null ? tidy(value, json) : value;
}

function placeOf(ref: string, json: ReadonlySet<string>): string {
  const name = ref.replace('#/$defs/', '');
  if (json.has(name)) return anyJsonPointer;
  if (name.startsWith('__schema')) throw new Error(`${name} refers to itself, and needs a name`);
  return `${schemasPointer}${name}`;
}
