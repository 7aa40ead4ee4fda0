import { z } from 'zod';
import { commandTypeSchema } from '../../shared/protocol/commands.js';
import { type TypeView } from '../../shared/protocol/api.js';
import { type CommandTypeInfo, type JsonSchema } from '../../shared/protocol/command-types.js';
import { embed } from './announced-schema.js';
import { refTo, type SchemaObject, schemasPointer } from './schema-object.js';

/** The part of a command type that the document describes. */
export type DocumentedType = Pick<
  TypeView,
  'type' | 'source' | 'payload' | 'result' | 'schemaError' | 'conflict'
>;

/** A type that every agent has. */
export const builtIn = (type: string, { payload, result }: CommandTypeInfo): DocumentedType => ({
  type,
  source: 'built-in',
  payload,
  result,
  schemaError: null,
  conflict: null,
});

/**
 * The schemas of submissions: one for each command type, and `Submission`, which is any of them.
 * Static names have no dot in them, so none of these can be one of those, whatever a type is called.
 *
 * A type whose payload schema cannot be used is left out: nothing of it can be submitted.
 *
 * @param base a submission of any type, made from the schema that checks it
 */
export function submissionSchemas(
  types: readonly DocumentedType[],
  base: SchemaObject,
): Record<string, SchemaObject> {
  const schemas: Record<string, SchemaObject> = {};
  const mapping: [string, string][] = [];
  let [room, leftOut] = [mostChars, 0];
  for (const known of types) {
    const { type, schemaError } = known;
    // Redis may hold a name that no submission can have, if another program wrote it there.
    if (schemaError !== null || !commandTypeSchema.safeParse(type).success) continue;
    room -= charsOf(known);
    if (room < 0 && known.source === 'announced') {
      leftOut++;
      continue;
    }
    const payload = embedAll(versionsOf(known, 'payload'), 'allOf', `${schemasPointer}Payload.${type}`);
    // A schema that cannot be embedded may still check payloads: then the document shows them as any JSON.
    schemas[`Payload.${type}`] = payload ?? {
      description: 'The JSON Schema of this payload is at `GET /types`.',
    };
    const result = embedAll(versionsOf(known, 'result'), 'anyOf', `${schemasPointer}Result.${type}`);
    if (result) schemas[`Result.${type}`] = result;
    schemas[`Submission.${type}`] = submissionOf(type, base);
    mapping.push([type, `${schemasPointer}Submission.${type}`]);
  }
  schemas.Submission = {
    description: `A submission of one of the known command types. Agents can announce more.${
      leftOut > 0
        ? ` There are ${leftOut} more, which this document has no room for: see \`GET /types\`.`
        : ''
    }`,
    oneOf: mapping.map(([, $ref]) => ({ $ref })),
    discriminator: { propertyName: 'type', mapping: Object.fromEntries(mapping) },
  };
  return schemas;
}

/** Announced schemas that one document has, as JSON: making it must stay cheap, and reading it possible. */
const mostChars = 512 * 1024;
/** The characters that a type adds besides its schemas. */
const charsPerType = 3000;

function charsOf({ payload, result, conflict }: DocumentedType): number {
  try {
    return charsPerType + JSON.stringify([payload, result, conflict]).length;
  } catch (error) {
    // Nested deeper than JSON.stringify goes: nothing of it becomes a part of the document.
    if (error instanceof RangeError) return charsPerType;
    throw error;
  }
}

/** Agents with conflicting versions of a type get payloads that fit all of them; each gives a result by its own. */
function versionsOf({ source, conflict, ...own }: DocumentedType, part: 'payload' | 'result') {
  const isConflict = source === 'announced' && conflict !== null;
  return (isConflict ? conflict.versions : [own]).map((version) => version[part]);
}

/** @returns undefined when one of them cannot be a part of the document */
function embedAll(
  versions: readonly (JsonSchema | null)[],
  how: 'allOf' | 'anyOf',
  place: string,
): SchemaObject | undefined {
  const [only] = versions;
  if (versions.length === 1) return only ? embed(only, place) : undefined;
  const parts: SchemaObject[] = [];
  for (const [i, version] of versions.entries()) {
    const part = version === null ? undefined : embed(version, `${place}/${how}/${i}`);
    if (!part) return undefined;
    parts.push(part);
  }
  return { [how]: parts };
}

const baseSchema = z.looseObject({ properties: z.record(z.string(), z.unknown()) });

function submissionOf(type: string, base: SchemaObject): SchemaObject {
  const { properties } = baseSchema.parse(base);
  const own = { type: { type: 'string', const: type }, payload: refTo(`Payload.${type}`) };
  return { ...base, properties: { ...properties, ...own } };
}
