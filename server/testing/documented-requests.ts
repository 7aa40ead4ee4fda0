import { z } from 'zod';
import { templateOf } from '../openapi/document.js';
import { type Operation } from '../openapi/operation.js';
import { builtInTypes } from '../../shared/protocol/command-types.js';
import { document, faultsOf, operationOf, pointerOf } from './document.js';

/**
 * Returns the faults, by the document, of a request that the server has carried out: they show that the
 * document asks for too much.
 *
 * @param path with its query
 * @param body as text
 */
export function refusedByDocument(method: string, path: string, body: string | undefined): string[] {
  const { pathname, searchParams } = new URL(path, 'http://server');
  const operation = operationOf(method, pathname);
  if (!operation) return [];
  const faults = [...queryFaults(operation, searchParams), ...bodyFaults(operation, body)];
  return faults.map((fault) => `${operation.id} takes this, and the document does not: ${fault}`);
}

const parameterSchema = z.object({
  name: z.string(),
  in: z.string(),
  required: z.boolean().default(false),
  schema: z.object({ type: z.unknown().optional() }),
});

function queryFaults(operation: Operation, query: URLSearchParams): string[] {
  const { parameters = [] } = document.paths[templateOf(operation.path)]?.[operation.method] ?? {};
  const known = parameters
    .map((parameter, i) => ({ ...parameterSchema.safeParse(parameter).data, i }))
    .filter((one) => one.in === 'query');
  const unknown = [...query.keys()].filter((name) => !known.some((one) => one.name === name));
  return [
    ...unknown.map((name) => `there is no parameter ${name}`),
    ...known.flatMap(({ name = '', required, schema, i }) => {
      const text = query.get(name);
      if (text === null) return required ? [`the parameter ${name} is required`] : [];
      return faultsOf(`${pointerOf(operation)}/parameters/${i}/schema`, valueOf(text, schema?.type));
    }),
  ];
}

/** Returns the value of a text in a query, in the style that the document describes. */
function valueOf(text: string, type: unknown): unknown {
  if (type === 'integer') return Number(text);
  if (type === 'array') return text === '' ? [] : text.split(',');
  return text;
}

function bodyFaults(operation: Operation, body: string | undefined): string[] {
  if (!operation.body) return [];
  if (body === undefined) return ['a body is required'];
  const value: unknown = JSON.parse(body);
  if (!isOfBuiltInTypes(value)) return [];
  return faultsOf(`${pointerOf(operation)}/requestBody/content/application~1json/schema`, value);
}

const submissionSchema = z.object({ type: z.string() });
const batchSchema = z.object({ commands: z.array(submissionSchema) });

/** Whether all types are built in: the document of the tests has no others. True for a body that is no submission. */
function isOfBuiltInTypes(value: unknown): boolean {
  const batch = batchSchema.safeParse(value).data?.commands;
  const one = submissionSchema.safeParse(value).data;
  return (batch ?? (one ? [one] : [])).every(({ type }) => builtInTypes.has(type));
}
