import { z } from 'zod';
import { templateOf } from '../openapi/document.js';
import { type Operation } from '../openapi/operation.js';
import { document, escaped, faultsOf, operationOf, pointerOf } from './document.js';
import { type TestAnswer } from './test-answer.js';

const responseSchema = z.object({
  headers: z.record(z.string(), z.unknown()).default({}),
  content: z.record(z.string(), z.unknown()).default({}),
});

const answered: string[] = [];

/** Notes which answers come. @returns `since`: the ones from now on, as `getCommand 200` */
export function documented() {
  const from = answered.length;
  return { since: () => new Set(answered.slice(from)) };
}

/**
 * Returns the faults of an answer by the document: a status, a media type, a header or a body that it does
 * not describe.
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

function responseTo(operation: Operation, status: number) {
  const own = document.paths[templateOf(operation.path)]?.[operation.method]?.responses[String(status)];
  if (!own) return undefined;
  if (typeof own.$ref !== 'string') {
    return { pointer: `${pointerOf(operation)}/responses/${status}`, response: own };
  }
  const name = own.$ref.replace('#/components/responses/', '');
  return { pointer: own.$ref, response: document.components.responses[name] };
}

/** Whether the header is in every answer with this status: others depend on what happened. */
const isAlwaysThere = (name: string, status: number) =>
  ['Location', 'ETag'].includes(name) || (name === 'Retry-After' && status === 503);

const headerFaults = (names: readonly string[], { status, headers }: TestAnswer) =>
  names
    .filter((name) => isAlwaysThere(name, status) && headers[name.toLowerCase()] === undefined)
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
