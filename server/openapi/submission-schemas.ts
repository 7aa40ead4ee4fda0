import { commandTypeSchema } from '../../shared/protocol/commands.js';
import { type TypeView } from '../../shared/protocol/api.js';
import { embed } from './announced-schema.js';
import { refTo, type SchemaObject, schemasPointer } from './schema-object.js';

/** What the document says of a command type. */
export type DocumentedType = Pick<TypeView, 'type' | 'payload' | 'result' | 'fault'>;

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
  for (const { type, payload, result, fault } of types) {
    // Of names, whatever somebody wrote into Redis: one that no submission can have.
    if (payload === null || fault !== null || !commandTypeSchema.safeParse(type).success) continue;
    const embedded = embed(payload, `${schemasPointer}Payload.${type}`);
    // It may still be good for checking: then its payload is shown as any JSON.
    schemas[`Payload.${type}`] = embedded ?? { description: 'Its JSON Schema is at `GET /types`.' };
    const ofResult = result === null ? undefined : embed(result, `${schemasPointer}Result.${type}`);
    if (ofResult) schemas[`Result.${type}`] = ofResult;
    schemas[`Submission.${type}`] = submissionOf(type, base);
    mapping.push([type, `${schemasPointer}Submission.${type}`]);
  }
  schemas.Submission = {
    description: 'Of one of the command types that are known. Agents can announce more.',
    oneOf: mapping.map(([, $ref]) => ({ $ref })),
    discriminator: { propertyName: 'type', mapping: Object.fromEntries(mapping) },
  };
  return schemas;
}

function submissionOf(type: string, base: SchemaObject): SchemaObject {
  const properties = base.properties as Readonly<Record<string, SchemaObject>>;
  return {
    ...base,
    properties: { ...properties, type: { type: 'string', const: type }, payload: refTo(`Payload.${type}`) },
  };
}
