import { type Json, limits } from '../../shared/protocol/commands.js';
import { parseExactJson, textOfPath } from '../../shared/protocol/exact-json.js';
import { isNestedDeeper } from '../../shared/protocol/json-depth.js';

/** The result has it within it, and must be one that may be stored. */
const maxDepth = limits.resultDepth - 1;

export interface ParsedText {
  readonly value: Json;
  /** Why `value` is only the text of the body. */
  readonly problem: string | null;
}

/**
 * Parses a body: null if it is empty, its JSON, or the text itself where that is no JSON that can be passed on.
 * Every value that it returns can be written as JSON again.
 */
export function parseJsonText(text: string): ParsedText {
  if (text === '') return { value: null, problem: null };
  if (isNestedDeeper(text, maxDepth)) {
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
