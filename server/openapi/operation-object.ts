import { z } from 'zod';
import { drainingHeader, ticketHeader } from '../../shared/protocol/agent-api.js';
import { agentIdSchema, commandIdSchema, queueNameSchema } from '../../shared/protocol/commands.js';
import {
  type Answer,
  type Examples,
  type Operation,
  type RequestHeader,
  type ResponseHeader,
} from './operation.js';
import { byStatus, problemsOf, responseName } from './problem-responses.js';
import { keyPattern } from '../../shared/protocol/commands.js';
import { type SchemaObject } from './schema-object.js';
import { schemaOf } from './schemas.js';

export type ParameterObject =
  | { readonly $ref: string }
  | {
      readonly name: string;
      readonly in: 'path' | 'query' | 'header';
      readonly description?: string;
      readonly required?: boolean;
      readonly schema: SchemaObject;
      readonly example?: unknown;
    };

export interface OperationObject {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description?: string;
  readonly parameters?: readonly ParameterObject[];
  readonly requestBody?: { readonly required: true; readonly content: ContentObject };
  readonly responses: Readonly<Record<string, SchemaObject>>;
}

/** By media type. */
export type ContentObject = Readonly<Record<string, MediaObject>>;
interface MediaObject {
  readonly schema: SchemaObject;
  readonly example?: unknown;
  readonly examples?: Examples;
}

/** Returns one operation as the document has it. */
export function operationObject(operation: Operation): OperationObject {
  const { id, tag, summary, description, body } = operation;
  const parameters = parametersOf(operation);
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body
      ? { requestBody: { required: true, content: json(schemaOf(body.schema, 'input'), body.examples) } }
      : {}),
    responses: responsesOf(operation),
  };
}

function responsesOf(operation: Operation): OperationObject['responses'] {
  const responses: Record<string, SchemaObject> = {};
  for (const [status, answer] of Object.entries(operation.answers)) responses[status] = answerObject(answer);
  for (const [status, codes] of byStatus(problemsOf(operation))) {
    responses[String(status)] = { $ref: `#/components/responses/${responseName(status, codes)}` };
  }
  return responses;
}

function answerObject({ description, schema, text, headers, examples = {} }: Answer): SchemaObject {
  const refs = headers?.map((name) => [name, { $ref: `#/components/headers/${name}` }] as const);
  const content = {
    ...(schema ? json(schemaOf(schema, 'output'), examples) : {}),
    ...(text === undefined
      ? {}
      : { [text]: { schema: { type: 'string' }, ...(schema ? {} : examplesOf(examples)) } }),
  };
  return {
    description,
    ...(refs ? { headers: Object.fromEntries(refs) } : {}),
    ...(Object.keys(content).length > 0 ? { content } : {}),
  };
}

const json = (schema: SchemaObject, examples: Examples): ContentObject => ({
  'application/json': { schema, ...examplesOf(examples) },
});

/** One that has no name of its own is `example`, which every reader of documents shows. */
function examplesOf(examples: Examples): Omit<MediaObject, 'schema'> {
  const { example, ...named } = examples;
  if (Object.keys(named).length > 0) return { examples };
  return example ? { example: example.value } : {};
}

function parametersOf({ path, query, queryExample = {}, headers = [] }: Operation): ParameterObject[] {
  const inPath = [...path.matchAll(/:(\w+)/g)].map(([, name = '']) => pathParameter(name));
  const inHead = headers.map((name) => ({ $ref: `#/components/parameters/${name}` }));
  return [...inPath, ...(query ? queryParameters(query, queryExample) : []), ...inHead];
}

function pathParameter(name: string): ParameterObject {
  const found = pathParameters[name];
  if (!found) throw new Error(`nothing is known of :${name} in a path`);
  const { schema, ...rest } = found;
  return { name, in: 'path', required: true, ...rest, schema: schemaOf(schema, 'input') };
}

const pathParameters: Readonly<Record<string, { description: string; schema: z.ZodType; example: string }>> =
  {
    id: {
      description: 'The id of a command. A value that cannot be an id is answered 404.',
      schema: commandIdSchema,
      example: '8bca8dda-1290-505b-9d14-bbe7607a455c',
    },
    agentId: { description: 'The name of an agent.', schema: agentIdSchema, example: 'http-1' },
    name: { description: 'The name of a queue.', schema: queueNameSchema, example: 'reports' },
    file: { description: 'The name of a file.', schema: z.string(), example: 'swagger-ui.css' },
  };

const fieldSchema = z.looseObject({ description: z.string().optional(), type: z.unknown().optional() });
const querySchema = z.object({
  properties: z.record(z.string(), fieldSchema),
  required: z.array(z.string()).default([]),
});

function queryParameters(query: z.ZodObject, examples: Readonly<Record<string, unknown>>): ParameterObject[] {
  const { properties, required } = querySchema.parse(schemaOf(query, 'input'));
  return Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: 'query',
    ...(description === undefined ? {} : { description }),
    ...(required.includes(name) ? { required: true } : {}),
    // A list is one parameter with commas in it, not one parameter for each item.
    ...(schema.type === 'array' ? { style: 'form', explode: false } : {}),
    schema,
    ...(name in examples ? { example: examples[name] } : {}),
  }));
}

export const requestHeaders: Readonly<Record<RequestHeader, ParameterObject>> = {
  'Idempotency-Key': {
    name: 'Idempotency-Key',
    in: 'header',
    // No `example`: the pages would send it, and the second command with it would be refused.
    description: 'A key of your choice, new for each new command: with it the request may be sent again.',
    schema: { type: 'string', pattern: keyPattern.source },
  },
  [ticketHeader]: {
    name: ticketHeader,
    in: 'header',
    description:
      'The `ticket` that came with the command. A report with the ticket of another delivery is late, even if the attempt ' +
      'has the same number, since the command was deleted and submitted anew. When left out, it is not compared.',
    schema: { type: 'string' },
  },
  'Last-Event-ID': {
    name: 'Last-Event-ID',
    in: 'header',
    description: 'The `id` of the last event that was read: the stream continues after it.',
    schema: { type: 'string' },
  },
  'If-None-Match': {
    name: 'If-None-Match',
    in: 'header',
    description: 'The `ETag` of the version that the client has.',
    schema: { type: 'string' },
  },
};

export const responseHeaders: Readonly<Record<ResponseHeader, SchemaObject>> = {
  Location: {
    description: 'The URL of the command, as a path relative to that of the request.',
    schema: { type: 'string', format: 'uri-reference' },
    example: 'commands/8bca8dda-1290-505b-9d14-bbe7607a455c',
  },
  'Retry-After': {
    description: 'Seconds to wait before sending the request again.',
    schema: { type: 'integer', minimum: 1 },
    example: 1,
  },
  [drainingHeader]: {
    description: 'Sent while an operator drains this agent: it gets no more commands.',
    schema: { const: 'true' },
  },
  ETag: { description: 'The version of the file.', schema: { type: 'string' } },
};
