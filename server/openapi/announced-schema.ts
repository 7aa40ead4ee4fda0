import addFormats from 'ajv-formats';
import Ajv2020 from 'ajv/dist/2020.js';
import { type JsonSchema } from '../../shared/protocol/command-types.js';
import { anyJsonPointer, namesOfJson } from './any-json.js';
import { type SchemaObject } from './schema-object.js';

/** Keywords of JSON Schema 2020-12 (and `definitions`, from before it) by what they hold: that is where schemas are. */
const ofOne = [
  'additionalProperties',
  'contains',
  'contentSchema',
  'else',
  'if',
  'items',
  'not',
  'propertyNames',
  'then',
  'unevaluatedItems',
  'unevaluatedProperties',
];
const ofMany = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const ofNamed = ['$defs', 'definitions', 'dependentSchemas', 'patternProperties', 'properties'];

/** Keywords that give a schema part another name than its place, which must not clash with names in other schemas. */
const naming = [
  '$id',
  '$anchor',
  '$dynamicRef',
  '$dynamicAnchor',
  '$recursiveRef',
  '$recursiveAnchor',
  '$vocabulary',
];

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Far deeper than a body may be, and not so deep that the stack ends. */
const mostLevels = 200;

const ajv = new Ajv2020({ strict: false, logger: false });
addFormats(ajv);

/**
 * A schema that an agent announced, as a part of a document. Its references begin at its own root, and
 * have to begin at the document's.
 *
 * @param place a JSON pointer to where it will be, such as `#/components/schemas/Payload.RESIZE`
 * @returns undefined when it cannot be a part of one: it is no JSON Schema, or has names of its own
 */
export function embed(schema: JsonSchema, place: string): SchemaObject | undefined {
  const json = namesOfJson(schema.$defs);
  const move = new Move(place, json);
  const { $schema: dialect, ...moved } = move.schema(withoutJson(schema, json), '#', 1);
  const isKnown =
    dialect === undefined || (typeof dialect === 'string' && ajv.getSchema(dialect) !== undefined);
  return isKnown && move.isWhole && ajv.validateSchema(moved) === true ? moved : undefined;
}

/** Without the definitions of any JSON, which the document has once. */
function withoutJson(schema: JsonSchema, json: ReadonlySet<string>): JsonSchema {
  const { $defs, ...rest } = schema;
  if (json.size === 0 || !isObject($defs)) return schema;
  const others = Object.entries($defs).filter(([name]) => !json.has(name));
  return others.length === 0 ? rest : { ...rest, $defs: Object.fromEntries(others) };
}

/** Rewrites references, and remembers what they refer to: that must be a schema which was rewritten as well. */
class Move {
  readonly #place: string;
  readonly #moved = new Set<string>();
  readonly #wanted = new Set<string>();
  readonly #json: ReadonlySet<string>;
  #canMove = true;

  constructor(place: string, json: ReadonlySet<string>) {
    this.#place = place;
    this.#json = json;
  }

  get isWhole(): boolean {
    return this.#canMove && [...this.#wanted].every((pointer) => this.#moved.has(pointer));
  }

  schema(schema: Readonly<Record<string, unknown>>, at: string, level: number): Record<string, unknown> {
    this.#moved.add(at);
    if (level > mostLevels) this.#canMove = false;
    if (!this.#canMove) return {};
    if (naming.some((keyword) => Object.hasOwn(schema, keyword))) this.#canMove = false;
    return mapValues(schema, (value, keyword) =>
      this.#keyword(value, keyword, `${at}/${escaped(keyword)}`, level + 1),
    );
  }

  #keyword(value: unknown, keyword: string, at: string, level: number): unknown {
    if (keyword === '$ref') return this.#reference(String(value));
    if (ofOne.includes(keyword)) return this.#either(value, at, level);
    if (ofMany.includes(keyword) && Array.isArray(value)) {
      return value.map((item, i) => this.#either(item, `${at}/${i}`, level));
    }
    if (ofNamed.includes(keyword) && isObject(value)) {
      return mapValues(value, (item, name) => this.#either(item, `${at}/${escaped(name)}`, level));
    }
    return value;
  }

  /** A schema may be true or false as well, and has nothing to rewrite then. */
  #either(value: unknown, at: string, level: number): unknown {
    this.#moved.add(at);
    return isObject(value) ? this.schema(value, at, level) : value;
  }

  #reference(ref: string): string {
    if (this.#json.has(ref.replace('#/$defs/', ''))) return anyJsonPointer;
    this.#wanted.add(decoded(ref));
    return `${this.#place}${ref.slice(1)}`;
  }
}

/** Also for names such as `__proto__`, which an assignment would lose. */
const mapValues = <From, To>(from: Readonly<Record<string, From>>, map: (value: From, key: string) => To) =>
  Object.fromEntries(Object.entries(from).map(([key, value]) => [key, map(value, key)]));

/** A name as a part of a JSON pointer. */
const escaped = (name: string) => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** A pointer in a URI may have any character percent-encoded. */
function decoded(ref: string): string {
  try {
    return decodeURIComponent(ref);
  } catch {
    return ref;
  }
}
