import addFormats from 'ajv-formats';
import Ajv2020, { type ValidateFunction } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { builtInTypes } from '../../shared/protocol/command-types.js';
import { openApiDocument } from '../openapi/document.js';
import { type Operation } from '../openapi/operation.js';
import { operations } from '../openapi/operations.js';
import { type SchemaObject } from '../openapi/schema-object.js';
import { builtIn } from '../openapi/submission-schemas.js';
import { type TestAnswer } from './test-api.js';

/** The document as it is committed. */
export const document = openApiDocument([...builtInTypes].map(([type, info]) => builtIn(type, info)));

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema({ $id: 'document', ...document });

const compiled = new Map<string, ValidateFunction>();

/** Checks by a schema of the document. @param pointer `#/components/schemas/Command` */
export function validatorAt(pointer: string): ValidateFunction {
  const known = compiled.get(pointer) ?? ajv.compile({ $ref: `document${pointer}` });
  compiled.set(pointer, known);
  return known;
}

/** The operation that a request is for, as the router finds it: the path with the fewest parameters, then the method. */
export function operationOf(method: string, path: string): Operation | undefined {
  const fits = operations.filter((one) => patternOf(one.path).test(path));
  const parameters = Math.min(...fits.map(parametersIn));
  return fits.find((one) => parametersIn(one) === parameters && one.method.toUpperCase() === method);
}

const parametersIn = ({ path }: Operation) => path.split(':').length;
const patternOf = (path: string) => new RegExp(`^${path.replaceAll(/:\w+/g, '[^/]+')}/?$`);

const responseSchema = z.object({
  headers: z.record(z.string(), z.unknown()).default({}),
  content: z.record(z.string(), z.unknown()).default({}),
});

const answered: string[] = [];

/** Which answers have come. @returns `since`: those from now on, as `getCommand 200` */
export function documented() {
  const from = answered.length;
  return { since: () => new Set(answered.slice(from)) };
}

/**
 * What is wrong with an answer by the document: a status, a media type, a header or a body that it does
 * not tell of.
 *
 * @param path with its query
 */
export function undocumented(method: string, path: string, answer: TestAnswer): string[] {
  const [plain = ''] = path.split('?');
  const operation = operationOf(method === 'HEAD' ? 'GET' : method, plain);
  // A GET that changes state is no HEAD either.
  if (!operation || answer.status === 405) return outsideOfOperations(answer);
  const { pointer, response } = responseTo(operation, answer.status) ?? {};
  if (pointer === undefined || !response) return [`${operation.id} does not answer with ${answer.status}`];
  answered.push(`${operation.id} ${answer.status}`);
  const { headers, content } = responseSchema.parse(response);
  return [
    ...headerFaults(Object.keys(headers), answer),
    ...(method === 'HEAD' ? [] : bodyFaults(content, `${pointer}/content`, answer)),
  ].map((fault) => `${operation.id}, ${answer.status}: ${fault}`);
}

/** Another method, or no path of this API: OPTIONS, 404 and 405 are the same everywhere. */
function outsideOfOperations({ status, body }: TestAnswer): string[] {
  return body === '' && (status === 204 || status === 405)
    ? []
    : faultsOf('#/components/schemas/Problem', body);
}

function responseTo({ method, path }: Operation, status: number) {
  const template = path.replaceAll(/:(\w+)/g, '{$1}');
  const own = document.paths[template]?.[method]?.responses[String(status)];
  if (!own) return undefined;
  if (typeof own.$ref !== 'string') {
    return { pointer: `#/paths/${escaped(template)}/${method}/responses/${status}`, response: own };
  }
  const name = own.$ref.replace('#/components/responses/', '');
  return { pointer: own.$ref, response: document.components.responses[name] as SchemaObject };
}

/** Only these are always there: the others depend on what happened. */
const always = new Set(['Location', 'ETag']);

const headerFaults = (names: readonly string[], { headers }: TestAnswer) =>
  names
    .filter((name) => always.has(name) && headers[name.toLowerCase()] === undefined)
    .map((name) => `the header ${name} is missing`);

function bodyFaults(
  content: Readonly<Record<string, unknown>>,
  pointer: string,
  answer: TestAnswer,
): string[] {
  const [type = ''] = (answer.headers['content-type'] ?? '').split(';');
  const documented = Object.keys(content);
  if (documented.length === 0) return answer.body === '' ? [] : ['a body'];
  if (documented.includes('*/*')) return [];
  if (!documented.includes(type)) return [`the media type ${type}`];
  return faultsOf(`${pointer}/${escaped(type)}/schema`, answer.body);
}

function faultsOf(pointer: string, body: unknown): string[] {
  const validate = validatorAt(pointer);
  if (validate(body)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message = '', params }) => `body${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

/** As a part of a JSON pointer in a URI. */
const escaped = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
