/** A JSON Schema that is an object: `true` and `false` have no parts. */
export type SchemaObject = Readonly<Record<string, unknown>>;

/** How a part of a schema meets the value that the schema itself is applied to. */
export type Reach =
  /** Applied to the same value. */
  | 'same'
  /** Applied to the value of one named property, or one place in an array: no two of these meet the same value. */
  | 'one'
  /** Applied to any number of the values inside it. */
  | 'each'
  /** Applied to nothing, unless something refers to it. */
  | 'none';

export interface SchemaPart {
  readonly schema: unknown;
  readonly reach: Reach;
  /** The end of the JSON pointer to it: `/properties/name`. */
  readonly pointer: string;
}

/** Keywords of JSON Schema 2020-12, and some from before it that ajv knows, by what they hold. */
const holdOne: Readonly<Record<string, Reach>> = {
  ...{ not: 'same', if: 'same', then: 'same', else: 'same' },
  ...{ additionalProperties: 'each', unevaluatedProperties: 'each', propertyNames: 'each' },
  ...{ items: 'each', additionalItems: 'each', unevaluatedItems: 'each', contains: 'each' },
  contentSchema: 'none',
};
const holdList: Readonly<Record<string, Reach>> = {
  ...{ allOf: 'same', anyOf: 'same', oneOf: 'same' },
  prefixItems: 'one',
};
const holdNamed: Readonly<Record<string, Reach>> = {
  ...{ $defs: 'none', definitions: 'none' },
  ...{ properties: 'one', patternProperties: 'each', dependentSchemas: 'same', dependencies: 'same' },
};

export const isObject = (value: unknown): value is SchemaObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A name as a part of a JSON pointer. */
const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');

const own = (table: Readonly<Record<string, Reach>>, keyword: string) =>
  Object.hasOwn(table, keyword) ? table[keyword] : undefined;

/** The schemas in a schema, those in them not counted. Names such as `__proto__` are names like any other. */
export function* partsOf(schema: SchemaObject): Generator<SchemaPart> {
  for (const keyword of Object.keys(schema)) {
    const value = schema[keyword];
    const pointer = `/${escaped(keyword)}`;
    const one = own(holdOne, keyword);
    const list = own(holdList, keyword);
    const named = own(holdNamed, keyword);
    if (one !== undefined) yield { schema: value, reach: one, pointer };
    else if (list !== undefined && Array.isArray(value)) {
      for (const [i, schema] of value.entries()) yield { schema, reach: list, pointer: `${pointer}/${i}` };
    } else if (named !== undefined && isObject(value)) {
      for (const [name, schema] of Object.entries(value)) {
        // Lists of names, which `dependencies` has as well.
        if (!Array.isArray(schema)) yield { schema, reach: named, pointer: `${pointer}/${escaped(name)}` };
      }
    }
  }
}
