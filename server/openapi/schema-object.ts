/** A JSON Schema (2020-12) inside an OpenAPI 3.1 document. */
export type SchemaObject = Readonly<Record<string, unknown>>;

/** Where the document keeps the schemas that have a name. */
export const schemasPointer = '#/components/schemas/';

export const refTo = (name: string): SchemaObject => ({ $ref: `${schemasPointer}${name}` });
