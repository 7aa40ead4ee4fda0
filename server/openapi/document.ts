import { version } from '../../shared/runtime/version.js';
import { type Operation, tags } from './operation.js';
import {
  operationObject,
  type OperationObject,
  type ParameterObject,
  requestHeaders,
  responseHeaders,
} from './operation-object.js';
import { operations } from './operations.js';
import {
  byStatus,
  problemExampleComponents,
  problemResponse,
  problemsOf,
  responseName,
} from './problem-responses.js';
import { type SchemaObject } from './schema-object.js';
import { componentSchemas } from './schemas.js';
import { type DocumentedType, submissionSchemas } from './submission-schemas.js';

/** An OpenAPI 3.1 document, as far as this program looks into one. */
export interface OpenApiDocument {
  readonly openapi: string;
  readonly info: SchemaObject;
  readonly servers: readonly SchemaObject[];
  readonly tags: readonly SchemaObject[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, OperationObject>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, SchemaObject>>;
    readonly responses: Readonly<Record<string, SchemaObject>>;
    readonly headers: Readonly<Record<string, SchemaObject>>;
    readonly parameters: Readonly<Record<string, ParameterObject>>;
    readonly examples: Readonly<Record<string, SchemaObject>>;
  };
}

/**
 * The API in one document: paths from the table of operations, schemas from those that check requests
 * and answers.
 *
 * @param types the command types that may be submitted
 */
export function openApiDocument(types: readonly DocumentedType[]): OpenApiDocument {
  const { Submission = {}, ...schemas } = componentSchemas();
  return {
    openapi: '3.1.1',
    info: {
      title: 'Fencepost',
      version,
      summary: 'A command broker that is never off by one',
      description,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Relative to where the document was read: below a path that a proxy has given it, too.
    servers: [{ url: './', description: 'The server that this document comes from' }],
    tags: Object.entries(tags).map(([name, about]) => ({ name, description: about })),
    paths: pathsOf(operations),
    components: {
      schemas: sorted({ ...schemas, ...submissionSchemas(types, Submission) }),
      responses: sorted(problemResponses(operations)),
      headers: responseHeaders,
      parameters: requestHeaders,
      examples: problemExampleComponents(),
    },
  };
}

const description = [
  'Requests and answers are JSON. Errors are `application/problem+json` (RFC 9457) with a stable `code`, and name',
  'the field and the bound. Fields that have no value yet are `null`, never absent. Times are RFC 3339 in UTC.',
  '',
  'Answers carry `Cache-Control: no-store`. A request that changes state is refused if a page of another site sends it.',
  '',
  'The payload of a submission is checked by the JSON Schema of its `type`: `Payload.<type>`. The result of a',
  'command that COMPLETED is described by `Result.<type>`.',
].join('\n');

/** `/commands/:id` → `/commands/{id}`. */
export const templateOf = (path: string) => path.replaceAll(/:(\w+)/g, '{$1}');

function pathsOf(all: readonly Operation[]): OpenApiDocument['paths'] {
  const paths = [...new Set(all.map(({ path }) => path))];
  return Object.fromEntries(
    paths.map((path) => {
      const onPath = all.filter((operation) => operation.path === path);
      const methods = onPath.map((operation) => [operation.method, operationObject(operation)] as const);
      return [templateOf(path), Object.fromEntries(methods)];
    }),
  );
}

function problemResponses(all: readonly Operation[]): Record<string, SchemaObject> {
  const responses: Record<string, SchemaObject> = {};
  for (const operation of all) {
    for (const [status, codes] of byStatus(problemsOf(operation))) {
      responses[responseName(status, codes)] ??= problemResponse(codes);
    }
  }
  return responses;
}

const sorted = (all: Readonly<Record<string, SchemaObject>>) =>
  Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
