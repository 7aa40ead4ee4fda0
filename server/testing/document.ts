import addFormats from 'ajv-formats';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020.js';
import { builtInTypes } from '../../shared/protocol/command-types.js';
import { openApiDocument, templateOf } from '../openapi/document.js';
import { type Operation } from '../openapi/operation.js';
import { operations } from '../openapi/operations.js';
import { builtIn } from '../openapi/submission-schemas.js';

/** The document as it is committed. */
export const document = openApiDocument([...builtInTypes].map(([type, info]) => builtIn(type, info)));

// The document is not validated here: its own test does that, once.
const ajv = new Ajv2020({ strict: false, validateSchema: false, allErrors: true });
addFormats(ajv);
ajv.addSchema({ $id: 'document', ...document });

const compiled = new Map<string, ValidateFunction>();

/** Checks by a schema of the document. @param pointer `#/components/schemas/Command` */
export function validatorAt(pointer: string): ValidateFunction {
  const known = compiled.get(pointer) ?? ajv.compile({ $ref: `document${pointer}` });
  compiled.set(pointer, known);
  return known;
}

/** The operation of a request, as the router finds it: the path with the fewest parameters, then the method. */
export function operationOf(method: string, path: string): Operation | undefined {
  const fits = operations.filter((one) => patternOf(one.path).test(path));
  const parameters = Math.min(...fits.map(parametersIn));
  return fits.find((one) => parametersIn(one) === parameters && one.method.toUpperCase() === method);
}

const parametersIn = ({ path }: Operation) => path.split(':').length;
const patternOf = (path: string) => new RegExp(`^${path.replaceAll(/:\w+/g, '[^/]+')}/?$`);

/** Where the document has an operation. */
export const pointerOf = ({ method, path }: Operation) => `#/paths/${escaped(templateOf(path))}/${method}`;

/** @returns what does not fit, in words; nothing when all does */
export function faultsOf(pointer: string, value: unknown): string[] {
  const validate = validatorAt(pointer);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message = '', params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

/** Escapes a text as a part of a JSON pointer in a URI. */
export const escaped = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
