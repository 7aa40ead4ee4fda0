import { schemaLimits } from '../../shared/protocol/bounds.js';
import { type JsonSchema } from '../../shared/protocol/command-types.js';
import { cut } from '../http/input.js';
import { linearPattern } from './linear-pattern.js';
import { nativePatterns } from './native-patterns.js';
import { checkDialect, UnusableSchema } from './payload-validator.js';
import { readSchemaGraph, type SchemaGraph, type SchemaNode } from './schema-graph.js';
import { SchemaFault } from './schema-fault.js';

/** The facts about a schema that are known without compiling it. */
export interface VettedSchema {
  /** Why it cannot be used. */
  readonly fault?: string;
  /** Whether its cost is in proportion to the payload's size, whatever the payload. */
  readonly isLight: boolean;
  /** How many schemas it is made of. */
  readonly schemas: number;
}

/**
 * Looks at a JSON Schema that an agent announced, before anything is made of it: whether it is small
 * enough to be compiled, whether applying it comes to an end, and whether it may be applied by the
 * thread that answers requests. An agent's author chooses the schema, and a client the payload, so what
 * both together cost must be known from the schema alone, or be cut off (`SchemaChecker`).
 *
 * @returns its first fault, in words that name the keyword
 */
export function vetSchema(schema: JsonSchema): VettedSchema {
  try {
    const graph = readSchemaGraph(schema);
    checkDialect(schema);
    const perValue = mostPerValue(graph);
    vetPatterns(graph);
    const isLight = perValue <= lightPerValue && graph.nodes.every(isLightNode);
    return { isLight, schemas: graph.nodes.length };
  } catch (error) {
    if (!(error instanceof SchemaFault || error instanceof UnusableSchema)) throw error;
    return { fault: error.message, isLight: false, schemas: 0 };
  }
}

/** So many schemas may check one value on the thread that answers requests. */
const lightPerValue = 32;

/**
 * The most schemas that one value may be checked by. @throws SchemaFault when there is no bound to it,
 * since a schema is applied to a value that it is being applied to, or when it is beyond all need
 */
function mostPerValue({ root }: SchemaGraph): number {
  const same = new Map<SchemaNode, number | 'open'>();
  const onSame = (node: SchemaNode): number => {
    const known = same.get(node);
    if (known === 'open')
      throw new SchemaFault(`$ref ${cut(node.pointer)} leads back to itself without an end`);
    if (known !== undefined) return known;
    same.set(node, 'open');
    let sum = 1;
    for (const { node: next, reach } of node.edges) if (reach === 'same') sum += onSame(next);
    if (sum > schemaLimits.perValue) {
      throw new SchemaFault(
        `allOf, anyOf, oneOf and $ref apply more than ${schemaLimits.perValue} schemas to one value`,
      );
    }
    same.set(node, sum);
    return sum;
  };
  const all = new Map<SchemaNode, number | 'open'>();
  const anywhere = (node: SchemaNode): number => {
    const known = all.get(node);
    // The schema refers to itself further down: trees have such schemas, whose own size gives no bound.
    if (known === 'open') return Infinity;
    if (known !== undefined) return known;
    all.set(node, 'open');
    let inside = 0;
    let besides = 0;
    for (const { node: next, reach } of node.edges) {
      if (reach === 'none') continue;
      const below = anywhere(next);
      if (reach === 'one') inside = Math.max(inside, below);
      else besides += below;
    }
    const most = Math.max(onSame(node), inside + besides);
    all.set(node, most);
    return most;
  };
  return anywhere(root);
}

/** @throws SchemaFault for a pattern that might take longer than its text is long */
function vetPatterns({ nodes }: SchemaGraph): void {
  let states = 0;
  const seen = new Set<string>();
  for (const { schema } of nodes) {
    for (const pattern of patternsOf(schema)) {
      if (seen.has(pattern) || nativePatterns.has(pattern)) continue;
      seen.add(pattern);
      const linear = linearPattern(pattern);
      if (!linear) {
        throw new SchemaFault(
          `pattern ${cut(pattern)} cannot be checked in linear time: it is no pattern, refers back, looks around other than by lookaheads at its beginning, or is too large`,
        );
      }
      states += linear.states;
      if (states > schemaLimits.patternStates) {
        throw new SchemaFault(`patterns together have more than ${schemaLimits.patternStates} states`);
      }
    }
  }
}

function patternsOf(schema: Readonly<Record<string, unknown>>): string[] {
  const { pattern, patternProperties } = schema;
  return [
    ...(typeof pattern === 'string' ? [pattern] : []),
    ...(typeof patternProperties === 'object' && patternProperties !== null
      ? Object.keys(patternProperties)
      : []),
  ];
}

/** Keywords that take a time that only the payload decides, or need what other parts of the schema have looked at. */
const heavy = [
  ...['patternProperties', 'uniqueItems', 'contains', 'unevaluatedProperties', 'unevaluatedItems'],
  ...['dependentRequired', 'dependentSchemas', 'dependencies', '$id', '$anchor', '$dynamicAnchor'],
];
/** Bounded by their own length, by ajv-formats' account. */
const lightFormats: ReadonlySet<unknown> = new Set([
  ...['date', 'time', 'date-time', 'uuid', 'email', 'ipv4', 'ipv6', 'uri'],
]);
const mostLightValues = 100;

function isLightNode({ schema }: SchemaNode): boolean {
  const { pattern, format, enum: values, const: value, required } = schema;
  return (
    !heavy.some((keyword) => Object.hasOwn(schema, keyword)) &&
    (pattern === undefined || (typeof pattern === 'string' && nativePatterns.has(pattern))) &&
    (format === undefined || lightFormats.has(format)) &&
    (typeof value !== 'object' || value === null) &&
    isShortList(values) &&
    isShortList(required)
  );
}

const isShortList = (list: unknown) =>
  list === undefined ||
  (Array.isArray(list) &&
    list.length <= mostLightValues &&
    list.every((item) => typeof item !== 'object' || item === null));
