import { isNestedDeeper } from '../shared/protocol/json-depth.js';
import { keptMessage } from '../shared/protocol/error-message.js';
import { messageOf } from '../shared/runtime/thrown.js';

export interface JsonBounds {
  /** Most bytes of the text as UTF-8. */
  readonly bytes: number;
  /** Arrays and objects within one another. */
  readonly levels: number;
}

/** JSON that may be stored, or why there is none: a half sentence, such as "is no JSON". */
export type StoredJson = { readonly text: string } | { readonly why: string };

/** Returns undefined for what JSON cannot express, a function for example; the type of `JSON.stringify` omits that. */
const jsonOf: (value: unknown) => string | undefined = JSON.stringify;

/**
 * Converts what a handler gave to JSON: a copy made now, since the handler may go on changing what it gave. Never
 * throws, whatever the value does when it is read.
 */
export function storedJson(value: unknown, bounds: JsonBounds): StoredJson {
  let text: string | undefined;
  try {
    text = jsonOf(value);
  } catch (error) {
    // The value refers to itself, has a BigInt in it, is too large for any string, or threw.
    const [firstLine = ''] = messageOf(error).split('\n');
    return { why: `is no JSON (${keptMessage(firstLine, 200)})` };
  }
  if (text === undefined) return { why: 'is no JSON' };
  const bytes = Buffer.byteLength(text);
  if (bytes > bounds.bytes) return { why: `has ${bytes} bytes as JSON, and may have ${bounds.bytes}` };
  if (isNestedDeeper(text, bounds.levels)) return { why: `may be nested ${bounds.levels} levels deep` };
  return { text };
}
