import { stringRule } from './format-names.js';
import { type ErrorObject } from 'ajv/dist/2020.js';
import { problemErrors } from '../../shared/protocol/bounds.js';
import { cut, fieldName, suggestion } from '../http/input.js';
import { type FieldFault } from '../http/problem.js';

/**
 * Returns what ajv found, field by field and in plain words: one fault per field, and no more than an answer
 * lists. A value that is wrong in one way is often wrong in others: the first fault is enough.
 *
 * A payload may have a fault for every two of its bytes, so no step here may look at all of them twice.
 */
export function payloadFaults(errors: readonly ErrorObject[]): FieldFault[] {
  const faults = new Map<string, FieldFault>();
  for (const error of errors) {
    const fault = faultOf(error);
    if (!faults.has(fault.field)) faults.set(fault.field, fault);
    if (faults.size === problemErrors) break;
  }
  return [...faults.values()];
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
      return `must be one of ${(params.allowedValues as unknown[]).slice(0, mostShown).map(shown).join(', ')}`;
    case 'const':
      return `must be ${shown(params.allowedValue)}`;
    case 'pattern':
    case 'format':
      return cut(stringRule(schema));
    default:
      return error.message ?? `does not fit ${error.keyword}`;
  }
}

/** The most values of an enum that a message lists. */
const mostShown = 50;

const shown = (value: unknown) => cut(JSON.stringify(value));

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
