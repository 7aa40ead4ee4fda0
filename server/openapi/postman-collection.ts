import { type OpenApiDocument } from './document.js';
import { type OperationObject, type ParameterObject } from './operation-object.js';
import { type Examples } from './operation.js';
import { type PostmanEvent, scriptsOf } from './postman-scripts.js';

/**
 * The document as a Postman collection (format 2.1: https://schema.postman.com/json/collection/v2.1.0/docs/index.html).
 *
 * Made here and not by a library: those that convert documents give everything a random id, so that no
 * two runs agree, and know nothing of which requests follow from which. These work from top to bottom,
 * in Postman's runner and under newman: what is answered with a `commandId` sets the variable that the
 * next ones name, and every request checks its answer.
 */
export interface PostmanCollection {
  readonly info: { readonly name: string; readonly description: string; readonly schema: string };
  readonly item: readonly PostmanFolder[];
  readonly variable: readonly PostmanVariable[];
}

interface PostmanFolder {
  readonly name: string;
  readonly description: string;
  readonly item: readonly PostmanItem[];
}

export interface PostmanItem {
  readonly name: string;
  readonly event: readonly PostmanEvent[];
  readonly request: {
    readonly method: string;
    readonly description: string;
    readonly header: readonly PostmanVariable[];
    readonly url: {
      readonly raw: string;
      readonly host: readonly string[];
      readonly path: readonly string[];
      readonly query: readonly PostmanVariable[];
    };
    readonly body?: { readonly mode: 'raw'; readonly raw: string; readonly options: object };
  };
  readonly response: readonly never[];
}

export interface PostmanVariable {
  readonly key: string;
  readonly value: string;
  readonly description?: string;
  /** Shown, and not sent. */
  readonly disabled?: true;
}

const variables: readonly PostmanVariable[] = [
  { key: 'baseUrl', value: 'http://localhost:3000', description: 'The URL of the server.' },
  {
    key: 'commandId',
    value: '',
    description: 'The id of the last command that a request submitted or started.',
  },
  { key: 'attempt', value: '1', description: 'The attempt that the agent started.' },
  {
    key: 'session',
    value: '',
    description: 'The session of the agent, set by the request that registers it.',
  },
  {
    key: 'openStreams',
    value: 'false',
    description:
      'true: GET /events is sent, too. Its answer has no end, and a runner waits for its own timeout.',
  },
];

export function postmanCollection(document: OpenApiDocument): PostmanCollection {
  const { info, tags, paths } = document;
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const named = (id: string) => all.filter(({ operation }) => operation.operationId === id);
  const isLater = ({ method, operation }: (typeof all)[number]) =>
    method === 'delete' || operation.operationId === 'releaseAttempt';
  const inOrder = [
    ...all
      .filter((one) => !isLater(one))
      .flatMap((one) =>
        // A command that has been released is started again before its outcome is reported.
        one.operation.operationId === 'reportOutcome'
          ? [...named('releaseAttempt'), ...named('nextCommand'), one]
          : [one],
      ),
    // Deletions come last: they would leave the other requests of their folder nothing to work on.
    ...all.filter(({ method }) => method === 'delete'),
  ];
  return {
    info: {
      name: String(info.title),
      description: `${String(info.summary)}. Generated from docs/reference/openapi.json: npm run generate.`,
      schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json',
    },
    item: tags.map((tag) => ({
      name: String(tag.name),
      description: String(tag.description),
      item: inOrder
        .filter(({ operation }) => operation.tags.includes(String(tag.name)))
        .flatMap(({ path, method, operation }) => itemsOf(document, path, method, operation)),
    })),
    variable: variables,
  };
}

/** One request for each kind of command to submit; else one, with the first example. */
function itemsOf(
  document: OpenApiDocument,
  path: string,
  method: string,
  operation: OperationObject,
): PostmanItem[] {
  const { summary, description = '', parameters = [], requestBody } = operation;
  const known = parameters.map((parameter) => resolve(document, parameter));
  const json = requestBody?.content['application/json'];
  const examples: Examples = json?.examples ?? { '': { value: json?.example } };
  const isSubmission = operation.operationId === 'submitCommand';
  const shown = Object.entries(examples).slice(0, isSubmission ? undefined : 1);
  return shown.map(([name, { summary: about, value }]) => ({
    name: isSubmission ? `${summary}: ${name}` : summary,
    event: scriptsOf(document, operation),
    request: {
      method: method.toUpperCase(),
      description: [about, description].filter(Boolean).join('\n\n'),
      header: [
        ...(json ? [{ key: 'Content-Type', value: 'application/json' }] : []),
        ...known.filter((one) => one.in === 'header').map(headerOf),
      ],
      url: urlOf(path, known),
      ...(json ? { body: bodyOf(value) } : {}),
    },
    response: [],
  }));
}

type Parameter = Exclude<ParameterObject, { readonly $ref: string }>;

function resolve({ components }: OpenApiDocument, parameter: ParameterObject): Parameter {
  if (!('$ref' in parameter)) return parameter;
  const found = components.parameters[parameter.$ref.replace('#/components/parameters/', '')];
  if (!found || '$ref' in found) throw new Error(`${parameter.$ref} refers to no parameter`);
  return found;
}

/** A key of its own for each request: one that came with another body before is refused. */
function headerOf({ name, description = '', example }: Parameter): PostmanVariable {
  if (name === 'Idempotency-Key') return { key: name, value: '{{$guid}}', description };
  return { key: name, value: textOf(example), description, disabled: true };
}

function urlOf(path: string, parameters: readonly Parameter[]): PostmanItem['request']['url'] {
  const inPath = new Map(
    parameters.filter((one) => one.in === 'path').map(({ name, example }) => [name, textOf(example)]),
  );
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    name === 'id' ? '{{commandId}}' : (inPath.get(name) ?? ''),
  );
  const query = parameters.filter((one) => one.in === 'query').map(queryOf);
  const sent = query.filter(({ disabled }) => !disabled).map(({ key, value }) => `${key}=${value}`);
  return {
    raw: `{{baseUrl}}${filled}${sent.length > 0 ? `?${sent.join('&')}` : ''}`,
    host: ['{{baseUrl}}'],
    path: filled.split('/').slice(1),
    query,
  };
}

function queryOf({ name, description = '', example, schema }: Parameter): PostmanVariable {
  if (name === 'session') return { key: name, value: '{{session}}', description };
  if (example !== undefined) return { key: name, value: textOf(example), description };
  return { key: name, value: textOf(schema.default ?? ''), description, disabled: true };
}

function bodyOf(example: unknown): NonNullable<PostmanItem['request']['body']> {
  const text = JSON.stringify(example, null, 2);
  return {
    mode: 'raw',
    raw: text
      .replaceAll(/("(commandId|session)": )"[^"]*"/g, '$1"{{$2}}"')
      .replaceAll(/("attempt": )\d+/g, '$1{{attempt}}'),
    options: { raw: { language: 'json' } },
  };
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value ?? ''));
