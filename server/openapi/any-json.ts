import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { type SchemaObject, schemasPointer } from './schema-object.js';

/**
 * Any JSON. The schema that zod makes for `z.json()` adds nothing in twenty lines, and refers to itself, which not
 * every reader of documents can follow.
 */
export const anyJson: SchemaObject = { description: 'Any JSON value.' };
export const anyJsonPointer = `${schemasPointer}Json`;

const byZod = z.toJSONSchema(z.object({ json: z.json() })).$defs?.__schema0;

/** The names of those among the definitions of a schema that are zod's `z.json()`. */
export function namesOfJson($defs: unknown): ReadonlySet<string> {
  if (typeof $defs !== 'object' || $defs === null) return new Set();
  const own = Object.entries($defs).filter(([name, schema]) => isJson(name, schema));
  return new Set(own.map(([name]) => name));
}

function isJson(name: string, schema: unknown): boolean {
  if (!name.startsWith('__schema')) return false;
  const renamed: unknown = JSON.parse(
    JSON.stringify(schema).replaceAll(`#/$defs/${name}"`, '#/$defs/__schema0"'),
  );
  return isDeepStrictEqual(renamed, byZod);
}
