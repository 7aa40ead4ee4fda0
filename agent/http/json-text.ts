import { type Json } from '../../shared/protocol/commands.js';
import { parseExactJson, textOfPath } from '../../shared/protocol/exact-json.js';

/** Deeper JSON than this breaks programs that walk it: `JSON.stringify` overflows the stack at some 5,000. */
const maxDepth = 200;

export interface ParsedText {
  readonly value: Json;
  /** Why `value` is only the text. */
  readonly problem: string | null;
}

/**
 * What a body says: null if it is empty, its JSON, or the text itself where JSON cannot carry it on.
 * Whatever comes out can be written as JSON again.
 */
export function parseJsonText(text: string): ParsedText {
  if (text === '') return { value: null, problem: null };
  if (depthOf(text) > maxDepth) {
    return {
      value: text,
      problem: `the body is nested more than ${maxDepth} levels deep; it is given as text`,
    };
  }
  try {
    const { value, fault } = parseExactJson(text, maxDepth);
    if (!fault) return { value: value as Json, problem: null };
    const place = textOfPath(fault.path, 'the body');
    return { value: text, problem: `${place} ${fault.message}; it is given as text` };
  } catch {
    return { value: text, problem: 'the body is not JSON; it is given as text' };
  }
}

/** Brackets open at once: without recursion, and in one pass whatever the text is. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (const [token] of text.matchAll(/\\.|["[\]{}]/gs)) {
    if (token === '"') inString = !inString;
    else if (inString || token.startsWith('\\')) continue;
    else if (token === '[' || token === '{') deepest = Math.max(deepest, ++depth);
    else depth -= 1;
  }
  return deepest;
}
