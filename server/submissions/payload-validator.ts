import addFormats from 'ajv-formats';
import Ajv2020, { type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { type JsonSchema } from '../../shared/protocol/command-types.js';
import { problemErrors } from '../../shared/protocol/api.js';
import { fieldName, suggestion } from '../http/input.js';
import { type FieldFault } from '../http/problem.js';
import { stringRule } from './format-names.js';

/** The schema that was announced for a type cannot be used. The message says why. */
export class UnusableSchema extends Error {
  override readonly name = 'UnusableSchema';
}

/** @returns what is wrong with a payload: nothing when it fits */
export type PayloadValidator = (payload: unknown) => FieldFault[];

/** @throws UnusableSchema */
export function compilePayloadSchema(schema: JsonSchema): PayloadValidator {
  const validate = compile(schema);
  return (payload) => {
    if (validate(payload)) return [];
    const faults = (validate.errors ?? []).map(faultOf);
    // A value that is wrong in one way is often wrong in others: the first says enough.
    return faults
      .filter((fault, i) => faults.findIndex(({ field }) => field === fault.field) === i)
      .slice(0, problemErrors);
  };
}

/** Not strict: authors may annotate as they like. */
function createAjv(unicodeRegExp: boolean): Ajv2020 {
  const ajv = new Ajv2020({
    strict: false,
    allErrors: true,
    verbose: true,
    logger: false,
    unicodeRegExp,
  });
  addFormats(ajv);
  ajv.addFormat('uri', isHttpUrl);
  return ajv;
}

/** Making one costs many times what most schemas do. */
const usual = new Map([true, false].map((unicode) => [unicode, createAjv(unicode)]));

/** Two types may use the same `$id` or `$anchor`: then they need one each. */
const hasNames = (schema: JsonSchema) => /"\$(id|anchor|dynamicAnchor)"/.test(JSON.stringify(schema));

function compile(schema: JsonSchema): ValidateFunction {
  try {
    return compileWith(schema, true);
  } catch (error) {
    // The flag `u`, which JSON Schema asks for, forbids what a pattern without it may have: `\@`.
    if (!(error instanceof UnusableSchema && /Invalid regular expression/.test(error.message))) throw error;
    return compileWith(schema, false);
  }
}

function compileWith(schema: JsonSchema, unicode: boolean): ValidateFunction {
  const ajv = (hasNames(schema) ? undefined : usual.get(unicode)) ?? createAjv(unicode);
  try {
    const validate = ajv.compile(schema);
    // It would answer with a promise, which is true whatever the payload.
    if ('$async' in validate) throw new Error('a schema with $async cannot be used');
    return validate;
  } catch (error) {
    throw new UnusableSchema(error instanceof Error ? error.message : String(error), { cause: error });
  } finally {
    // It keeps what it has compiled, and types come and go.
    ajv.removeSchema(schema);
  }
}

/** As the agents see a URL (WHATWG), not as RFC 3986 does; a password in it would end up in every log. */
function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === '';
}

function faultOf(error: ErrorObject): FieldFault {
  const path = ['payload', ...pathOf(error.instancePath)];
  // ajv types `params` as any; each keyword has its own.
  const params = error.params as Record<string, unknown>;
  if (error.keyword === 'required') {
    return { field: fieldName([...path, String(params.missingProperty)]), message: 'is required' };
  }
  if (error.keyword === 'additionalProperties' || error.keyword === 'unevaluatedProperties') {
    const name = String(params.additionalProperty ?? params.unevaluatedProperty);
    const known = Object.keys((error.parentSchema as { properties?: object } | undefined)?.properties ?? {});
    return { field: fieldName([...path, name]), message: `is not known${suggestion(name, known)}` };
  }
  return { field: fieldName(path), message: messageOf(error, params) };
}

/** A JSON pointer as the parts of a path; digits are places in an array. */
function pathOf(pointer: string): (string | number)[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function messageOf(error: ErrorObject, params: Record<string, unknown>): string {
  const schema = (error.parentSchema ?? {}) as Readonly<Record<string, unknown>>;
  switch (error.keyword) {
    case 'type':
    case 'minimum':
    case 'maximum':
      return `must be ${kindOf(params.type ?? schema.type)}${rangeOf(schema)}`;
    case 'maxLength':
    case 'minLength':
      return `must have at ${error.keyword === 'maxLength' ? 'most' : 'least'} ${String(params.limit)} characters`;
    case 'maxItems':
    case 'minItems':
      return `must have at ${error.keyword === 'maxItems' ? 'most' : 'least'} ${String(params.limit)} items`;
    case 'enum':
      return `must be one of ${(params.allowedValues as unknown[]).map((value) => JSON.stringify(value)).join(', ')}`;
    case 'const':
      return `must be ${JSON.stringify(params.allowedValue)}`;
    case 'pattern':
    case 'format':
      return stringRule(schema);
    default:
      return error.message ?? `does not fit ${error.keyword}`;
  }
}

const kinds: Readonly<Record<string, string>> = {
  integer: 'a whole number',
  number: 'a number',
  string: 'a string',
  boolean: 'true or false',
  array: 'an array',
  object: 'a JSON object',
  null: 'null',
};

function kindOf(type: unknown): string {
  const types = (Array.isArray(type) ? type : [type ?? 'number']) as string[];
  return types.map((each) => kinds[each] ?? each).join(' or ');
}

function rangeOf({ minimum, maximum }: Readonly<Record<string, unknown>>): string {
  if (typeof minimum === 'number' && typeof maximum === 'number') return ` from ${minimum} to ${maximum}`;
  if (typeof minimum === 'number') return ` of at least ${minimum}`;
  return typeof maximum === 'number' ? ` of at most ${maximum}` : '';
}
