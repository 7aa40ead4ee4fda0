import { createHash } from 'node:crypto';
import { configure } from 'safe-stable-stringify';
import { type CommandTypeInfo } from './command-types.js';

/** Keys in order, so that what means the same reads the same. */
const stringify = configure({ strict: true });

/** The description of a type by its agents, whatever the order in which they wrote it. */
type Described = { readonly [Name in keyof CommandTypeInfo]: unknown };

/** All that makes a version of a command type, as JSON: the same text for the same version. */
export function textOfType({ payload, result, onAgentLost, defaultTimeoutMs }: Described): string {
  return stringify({ payload, result, onAgentLost, defaultTimeoutMs }) ?? '';
}

/** Returns a digest that distinguishes two versions of one command type. */
export function digestOfType(type: Described): string {
  return createHash('sha256').update(textOfType(type)).digest('base64url').slice(0, 12);
}

/** A version's field in the hash `fencepost:types`, and how agents name it in their registrations. */
export const fieldOfType = (type: Described & { readonly type: string }) =>
  `${type.type}@${digestOfType(type)}`;

/** The name and the digest in such a field; names hold no `@`. */
export function partsOfField(field: string): { readonly type: string; readonly digest: string } {
  const [type = '', digest = ''] = field.split('@', 2);
  return { type, digest };
}
