import { schemaLimits } from '../../shared/protocol/bounds.js';
import { type JsonSchema } from '../../shared/protocol/command-types.js';
import { cut } from '../http/input.js';
import { SchemaFault } from './schema-fault.js';
import { isObject, partsOf, type Reach, type SchemaObject } from './schema-parts.js';

/** A schema in a schema, and those that it leads to: its parts, and what it refers to. */
export interface SchemaNode {
  readonly schema: SchemaObject;
  /** From the root: `#/properties/name`. */
  readonly pointer: string;
  readonly edges: { readonly node: SchemaNode; readonly reach: Reach }[];
}

export interface SchemaGraph {
  readonly root: SchemaNode;
  readonly nodes: readonly SchemaNode[];
}

/** Most of these find their schema by what was passed on the way, which is known only when it is applied. */
const unusable = ['$dynamicRef', '$recursiveRef', '$recursiveAnchor', '$async', '$vocabulary'];

/** Reads a schema, once. @throws SchemaFault when it is too large, or refers to what is not in it */
export function readSchemaGraph(schema: JsonSchema): SchemaGraph {
  const reading: Reading = { nodes: [], places: new Map() };
  const root = readNode(reading, schema, '#', 1);
  follow(reading, schema);
  return { root, nodes: reading.nodes };
}

interface Reading {
  readonly nodes: SchemaNode[];
  /** The nodes by the references that lead to them. */
  readonly places: Map<string, SchemaNode>;
}

function readNode(reading: Reading, schema: SchemaObject, pointer: string, level: number): SchemaNode {
  if (level > schemaLimits.levels) {
    throw new SchemaFault(`is nested more than ${schemaLimits.levels} levels deep`);
  }
  if (reading.nodes.length >= schemaLimits.schemas) {
    throw new SchemaFault(`has more than ${schemaLimits.schemas} schemas in it`);
  }
  const node: SchemaNode = { schema, pointer, edges: [] };
  reading.nodes.push(node);
  reading.places.set(pointer, node);
  nameNode(reading, node, pointer);
  for (const part of partsOf(schema)) {
    const at = pointer + part.pointer;
    if (at.endsWith('/__proto__')) throw new SchemaFault(`${cut(at)} names what no payload may have`);
    if (!isObject(part.schema)) continue;
    node.edges.push({ node: readNode(reading, part.schema, at, level + 1), reach: part.reach });
  }
  return node;
}

function nameNode({ places }: Reading, node: SchemaNode, pointer: string): void {
  const { $id, $anchor, $dynamicAnchor } = node.schema;
  for (const keyword of unusable) {
    if (Object.hasOwn(node.schema, keyword)) throw new SchemaFault(`${keyword} cannot be used`);
  }
  if ($id !== undefined && pointer !== '#') throw new SchemaFault('$id can be used at the root only');
  for (const anchor of [$anchor, $dynamicAnchor]) {
    if (typeof anchor === 'string') places.set(`#${anchor}`, node);
  }
}

/** Adds an edge for each reference. */
function follow({ nodes, places }: Reading, schema: JsonSchema): void {
  const rootId = typeof schema.$id === 'string' ? schema.$id.replace(/#$/, '') : undefined;
  let references = 0;
  for (const node of nodes) {
    const { $ref } = node.schema;
    if ($ref === undefined) continue;
    if (++references > schemaLimits.references) {
      throw new SchemaFault(`has more than ${schemaLimits.references} uses of $ref`);
    }
    if (typeof $ref !== 'string') throw new SchemaFault('$ref must be a string');
    const target = places.get(placeOf($ref, rootId));
    if (target) node.edges.push({ node: target, reach: 'same' });
    // Nothing is known of it, but that it may be true or false.
    else if (!isBoolean(schema, $ref)) {
      throw new SchemaFault(`$ref ${cut($ref)} leads to no schema in it`);
    }
  }
}

/** A pointer in a URI may have any character percent-encoded. */
function placeOf(ref: string, rootId: string | undefined): string {
  const local = rootId !== undefined && ref.startsWith(rootId) ? ref.slice(rootId.length) : ref;
  try {
    return decodeURIComponent(local === '' || local === '#/' ? '#' : local);
  } catch {
    return local;
  }
}

function isBoolean(root: JsonSchema, ref: string): boolean {
  if (!ref.startsWith('#/')) return false;
  let value: unknown = root;
  for (const part of placeOf(ref, undefined).slice(2).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return false;
    value = (value as Record<string, unknown>)[name];
  }
  return typeof value === 'boolean';
}
