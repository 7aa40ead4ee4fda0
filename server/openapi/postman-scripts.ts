import { z } from 'zod';
import { type OpenApiDocument } from './document.js';
import { type OperationObject } from './operation-object.js';
import { type SchemaObject } from './schema-object.js';

/** A script of a request in a Postman collection. */
export interface PostmanEvent {
  readonly listen: 'prerequest' | 'test';
  readonly script: { readonly type: 'text/javascript'; readonly exec: readonly string[] };
}

/** The scripts of an operation's request: what it needs before it is sent, and what its answer must be. */
export function scriptsOf(document: OpenApiDocument, operation: OperationObject): PostmanEvent[] {
  const before = beforeSending[operation.operationId];
  return [
    ...(before ? [scriptOf('prerequest', before)] : []),
    scriptOf('test', [...assertions(document, operation), ...keptOf(operation)]),
  ];
}

const scriptOf = (listen: PostmanEvent['listen'], exec: readonly string[]): PostmanEvent => ({
  listen,
  script: { type: 'text/javascript', exec },
});

const beforeSending: Readonly<Record<string, readonly string[]>> = {
  // A session belongs to one run of an agent: the collection can be run again against the same server.
  registerAgent: [
    "const random = pm.variables.replaceIn('{{$guid}}').replaceAll('-', '').slice(0, 16);",
    "pm.collectionVariables.set('session', `9c1f4e7ab2d05386.${Date.now()}.r${random}`);",
  ],
  // The stream has no end, and a runner such as newman waits for the end of every answer.
  watchEvents: ["if (pm.collectionVariables.get('openStreams') !== 'true') pm.execution.skipRequest();"],
};

function assertions(document: OpenApiDocument, { responses }: OperationObject): string[] {
  const good = Object.keys(responses).filter((status) => status.startsWith('2'));
  const required = good.map((status) => requiredFields(document, responses[status]));
  const fields = required.find((names) => names.length > 0) ?? [];
  return [
    `pm.test('the status is ${good.join(' or ')}', () => pm.expect(pm.response.code).to.be.oneOf([${good.join(', ')}]));`,
    ...(fields.length === 0
      ? []
      : [
          "pm.test('the answer has its fields', () => {",
          ...(good.includes('204') ? ['  if (pm.response.code === 204) return;'] : []),
          `  pm.expect(pm.response.json()).to.include.all.keys(${JSON.stringify(fields)});`,
          '});',
        ]),
  ];
}

/** Returns the fields that every JSON answer has; none when its form is a choice, or is not JSON. */
function requiredFields(document: OpenApiDocument, response: SchemaObject | undefined): readonly string[] {
  const schema = responseSchema.safeParse(response).data?.content['application/json'].schema;
  const name = schema?.$ref?.replace('#/components/schemas/', '');
  const found = name === undefined ? schema : fieldsSchema.parse(document.components.schemas[name]);
  return found?.required ?? [];
}

const fieldsSchema = z.looseObject({
  $ref: z.string().optional(),
  required: z.array(z.string()).optional(),
});
const responseSchema = z.looseObject({
  content: z.looseObject({ 'application/json': z.looseObject({ schema: fieldsSchema }) }),
});

/** Returns the lines that keep the command, and the attempt at it, that an answer names, for the next requests. */
function keptOf({ operationId }: OperationObject): readonly string[] {
  if (operationId === 'submitCommand') {
    return ["pm.collectionVariables.set('commandId', pm.response.json().commandId);"];
  }
  if (operationId !== 'nextCommand') return [];
  return [
    "pm.test('there is a command to start', () => pm.expect(pm.response.code).to.equal(200));",
    'if (pm.response.code === 200) {',
    "  pm.collectionVariables.set('commandId', pm.response.json().commandId);",
    "  pm.collectionVariables.set('attempt', pm.response.json().attempt);",
    '}',
  ];
}
