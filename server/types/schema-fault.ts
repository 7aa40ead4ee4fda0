/** Why the schema that was announced for a type cannot be used: names the keyword, for its author. */
export class SchemaFault extends Error {
  override readonly name = 'SchemaFault';
}
