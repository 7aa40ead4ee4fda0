import { isNestedDeeper } from '../shared/protocol/json-depth.js';
import { keptMessage } from '../shared/protocol/error-message.js';
import { messageOf } from '../shared/runtime/thrown.js';

export interface JsonBounds {
  /** Of UTF-8. */
  readonly bytes: number;
  /** Arrays and objects within one another. */
  readonly levels: number;
}

/** JSON that may be stored, or why there is none: a half sentence, such as "is no JSON". */
export type StoredJson = { readonly text: string } | { readonly why: string };

/** undefined for what JSON cannot say, a function for example; its type forgets that. */
const jsonOf: (value: unknown) => string | undefined = JSON.stringify;

/**
 * What a handler gave, as JSON: a copy made now, since the handler may go on changing what it gave. Never
 * throws, whatever the value does when it is looked at.
 */
export function storedJson(value: unknown, bounds: JsonBounds): StoredJson {
  let text: string | undefined;
  try {
    text = jsonOf(value);
  } catch (error) {
    // It refers to itself, has a BigInt in it, is too large for any text, or threw.
    const [firstLine = ''] = messageOf(error).split('\n');
    return { why: `is no JSON (${keptMessage(firstLine, 200)})` };
  }
  if (text === undefined) return { why: 'is no JSON' };
  const bytes = Buffer.byteLength(text);
  if (bytes > bounds.bytes) return { why: `has ${bytes} bytes as JSON, and may have ${bounds.bytes}` };
  if (isNestedDeeper(text, bounds.levels)) return { why: `may be nested ${bounds.levels} levels deep` };
  return { text };
}
