import addFormats from 'ajv-formats';
import Ajv2020, { type Options, type ValidateFunction } from 'ajv/dist/2020.js';
import stringify from 'safe-stable-stringify';
import { type JsonSchema } from '../../shared/protocol/command-types.js';
import { type FieldFault } from '../http/problem.js';
import { linearPattern } from './linear-pattern.js';
import { payloadFaults } from './payload-faults.js';
import { parseUrl } from '../../shared/runtime/parse-url.js';

/** The schema that was announced for a type cannot be used. The message has the reason. */
export class UnusableSchema extends Error {
  override readonly name = 'UnusableSchema';
}

/** @returns what is wrong with a payload: nothing when it fits */
export type PayloadValidator = (payload: unknown) => FieldFault[];

/** Compiles the schema of a built-in type, which no agent or client chose. @throws UnusableSchema */
export function compilePayloadSchema(schema: JsonSchema): PayloadValidator {
  return validatorOf((builtIn ??= createAjv()), schema);
}

let builtIn: Ajv2020 | undefined;

/**
 * Compiles schemas that agents announced. Their patterns become automata, which take no longer than
 * the text is long, and their code is not made as short as it could be, which takes ajv longer than
 * all the rest.
 */
export class AnnouncedSchemas {
  readonly #options: Options;
  #usual: Ajv2020 | undefined;

  /** @param nativePatterns those that are known not to backtrack, or that automata cannot be made of */
  constructor(nativePatterns: ReadonlySet<string>) {
    const engine = Object.assign(
      (pattern: string, flags: string) => {
        const linear = nativePatterns.has(pattern) ? undefined : linearPattern(pattern);
        // `toString` is how ajv knows a pattern again.
        return linear ? { ...linear, toString: () => pattern } : new RegExp(pattern, flags);
      },
      { code: 'linearPattern' },
    );
    this.#options = { code: { optimize: false, regExp: engine } };
  }

  /** @throws UnusableSchema */
  compile(schema: JsonSchema): PayloadValidator {
    // Two types may use the same `$id` or `$anchor`: then they need an ajv each.
    if (hasNames(schema)) return validatorOf(createAjv(this.#options), schema);
    return validatorOf((this.#usual ??= createAjv(this.#options)), schema);
  }
}

/** @throws UnusableSchema when it is no schema of JSON Schema 2020-12 */
export function checkDialect(schema: JsonSchema): void {
  try {
    dialects ??= new Ajv2020({ strict: false, logger: false });
    if (dialects.validateSchema(schema) !== true)
      throw new Error(dialects.errorsText(undefined, { dataVar: '' }));
  } catch (error) {
    throw new UnusableSchema(`is no JSON Schema 2020-12: ${messageOf(error)}`, { cause: error });
  }
}

let dialects: Ajv2020 | undefined;

const hasNames = (schema: JsonSchema) => /"\$(id|anchor|dynamicAnchor)"/.test(JSON.stringify(schema));

/**
 * Not strict: authors may annotate as they like. The schemas are not held against the dialect's own schema, which
 * takes ajv 100 ms to compile: those of agents have passed `checkDialect`, and the built-in ones are tested.
 */
function createAjv(options: Options = {}): Ajv2020 {
  const ajv = new Ajv2020({ ...ajvOptions, ...options });
  addFormats(ajv);
  ajv.addFormat('uri', isHttpUrl);
  // ajv compares each item with each other.
  ajv.removeKeyword('uniqueItems');
  ajv.addKeyword({ keyword: 'uniqueItems', type: 'array', schemaType: 'boolean', validate: hasNoTwins });
  return ajv;
}

const ajvOptions: Options = {
  strict: false,
  validateSchema: false,
  allErrors: true,
  verbose: true,
  logger: false,
};

/** By their texts, with keys in order: what means the same reads the same. */
function hasNoTwins(isAsked: boolean, items: readonly unknown[]): boolean {
  return !isAsked || new Set(items.map((item) => stringify(item))).size === items.length;
}

function validatorOf(ajv: Ajv2020, schema: JsonSchema): PayloadValidator {
  const validate = compile(ajv, schema);
  return (payload) => (validate(payload) ? [] : payloadFaults(validate.errors ?? []));
}

function compile(ajv: Ajv2020, schema: JsonSchema): ValidateFunction {
  try {
    const validate = ajv.compile(schema);
    // The validator would return a promise, which is truthy whatever the payload.
    if ('$async' in validate) throw new Error('a schema with $async cannot be used');
    return validate;
  } catch (error) {
    throw new UnusableSchema(messageOf(error), { cause: error });
  } finally {
    // Ajv keeps every schema that it has compiled, and types come and go.
    ajv.removeSchema(schema);
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Reads a URL as the agents do (WHATWG), not as RFC 3986 does; a password in it would end up in every log. */
function isHttpUrl(text: string): boolean {
  const url = parseUrl(text);
  if (!url) return false;
  const { protocol, username, password } = url;
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}
