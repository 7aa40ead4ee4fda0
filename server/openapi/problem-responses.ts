import { type ProblemCode, problems } from '../../shared/protocol/errors.js';
import { type Operation } from './operation.js';
import { problemExamples } from './problem-examples.js';
import { refTo, type SchemaObject } from './schema-object.js';

/** Codes that any request may get, before it is known which operation it is for, or when the server is at fault. */
const always: readonly ProblemCode[] = [
  'invalid_request',
  'malformed_http',
  'forbidden_origin',
  'request_timeout',
  'expectation_failed',
  'headers_too_large',
  'internal_error',
  'not_implemented',
  'too_many_connections',
];
const ofBodies: readonly ProblemCode[] = ['malformed_json', 'body_too_large', 'unsupported_media_type'];

/** Codes whose answers have a `Retry-After`. */
const retryLater: ReadonlySet<ProblemCode> = new Set([
  'agent_name_taken',
  'redis_unavailable',
  'redis_full',
  'busy',
  'backlog_full',
  'too_many_connections',
  'too_many_held',
]);

/** Every code that an operation may answer with, in the order of the registry. */
export function problemsOf({ body, withoutRedis, problems: own }: Operation): ProblemCode[] {
  const all = new Set<ProblemCode>([...always, ...own]);
  if (body) for (const code of ofBodies) all.add(code);
  if (!withoutRedis) all.add('redis_unavailable');
  return codes.filter((code) => all.has(code));
}

const codes = Object.keys(problems) as ProblemCode[];

/** A name among the components: operations that may answer the same share a response. */
export const responseName = (status: number, own: readonly ProblemCode[]) => [status, ...own].join('.');

/** The codes by their status. */
export function byStatus(own: readonly ProblemCode[]): Map<number, ProblemCode[]> {
  const statuses = [...new Set(own.map((code) => problems[code].status))].sort((a, b) => a - b);
  return new Map(statuses.map((status) => [status, own.filter((code) => problems[code].status === status)]));
}

/** A response that is one of these problems, which share a status. */
export function problemResponse(own: readonly ProblemCode[]): SchemaObject {
  const lines = own.map((code) => `\`${code}\`: ${problems[code].title}.`);
  return {
    description: lines.join('\n\n'),
    ...(own.some((code) => retryLater.has(code))
      ? { headers: { 'Retry-After': { $ref: '#/components/headers/Retry-After' } } }
      : {}),
    content: {
      'application/problem+json': {
        schema: { allOf: [refTo('Problem'), { properties: { code: { enum: own } } }] },
        examples: Object.fromEntries(own.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  };
}

/** One example per code, by it. */
export const problemExampleComponents = (): Record<string, SchemaObject> =>
  Object.fromEntries(
    codes.map((code) => [code, { summary: problems[code].title, value: problemExamples[code].toBody() }]),
  );
