import { type Json, limits } from '../../shared/protocol/commands.js';
import { isNestedDeeper } from '../../shared/protocol/json-depth.js';

/** The result has it within it, and must be one that may be stored. */
const maxDepth = limits.resultDepth - 1;

export interface ParsedText {
  readonly value: Json;
  /** What of the body `value` does not say: it is only the text, or a number is not the one that was sent. */
  readonly problem: string | null;
}

/**
 * What a body says: null if it is empty, its JSON, or the text itself where JSON cannot carry it on.
 * Whatever comes out can be written as JSON again.
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
    const value = JSON.parse(text, refuseInfinity) as Json;
    const changed = firstChanged(text);
    if (changed === undefined) return { value, problem: null };
    return { value, problem: `the body has numbers that JavaScript cannot hold; ${changed} was rounded` };
  } catch (error) {
    const why = error instanceof RangeError ? error.message : 'the body is not JSON';
    return { value: text, problem: `${why}; it is given as text` };
  }
}

/** 1e999 is JSON, becomes Infinity, and would be written as null. */
function refuseInfinity(_key: string, value: unknown): unknown {
  if (typeof value === 'number' && !Number.isFinite(value)) {
    throw new RangeError('the body has a number that is too large');
  }
  return value;
}

/** The first number of JSON text that is another one once it was read; cut short. */
function firstChanged(json: string): string | undefined {
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]{14,}/gs)) {
    if (!token.startsWith('"') && !isKept(token)) return token.length > 40 ? `${token.slice(0, 40)}…` : token;
  }
  return undefined;
}

/** Whether a double says the number with as many digits as were sent: 0.10000000000000001 is 0.1, and kept. */
function isKept(text: string): boolean {
  const number = Number(text);
  if (String(number) === text) return true;
  const digits = digitsOf(text);
  // More than these no double can be asked for; and none was computed with so many.
  if (digits.length > 100) return false;
  return digits === '' || digitsOf(number.toPrecision(digits.length)) === digits;
}

/** Its significant digits. */
const digitsOf = (text: string) =>
  text
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '');
