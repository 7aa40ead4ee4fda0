import { distance } from 'fastest-levenshtein';
import { type z } from 'zod';
import { problemErrors } from '../../shared/protocol/bounds.js';
import { textOfPath } from '../../shared/protocol/exact-json.js';
import { type FieldFault } from './problem.js';

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly faults: FieldFault[] };

/**
 * Parses an input, or lists what is wrong with it, field by field and in plain words.
 *
 * @param known names that an unknown field may have been meant to be
 */
export function parseInput<T>(schema: z.ZodType<T>, input: unknown, known: readonly string[]): Parsed<T> {
  // A schema's own message goes before these words.
  const parsed = schema.safeParse(input, { error: plainWords });
  if (parsed.success) return { ok: true, value: parsed.data };
  // A body may have a fault for every two of its bytes: more than an answer lists are not put into words.
  const faults = parsed.error.issues.slice(0, problemErrors).flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.slice(0, problemErrors).map((key) => ({
        field: fieldName([...issue.path, key]),
        message: `is not known${suggestion(key, known)}`,
      }));
    }
    const isMissing = valueAt(input, issue.path) === undefined;
    return { field: fieldName(issue.path), message: isMissing ? 'is required' : issue.message };
  });
  return { ok: false, faults };
}

/** Longest part of a name, and of a value, that a fault repeats. */
const shownChars = 200;

/** Shortens, for an answer, a text that a client or an agent chose, and that may be as long as a body. */
export const cut = (text: string) => (text.length > shownChars ? `${text.slice(0, shownChars)}…` : text);

/** `['commands', 3, 'payload', 'url']` → `commands[3].payload.url`. */
export function fieldName(path: readonly PropertyKey[]): string {
  return textOfPath(
    path.map((part) => (typeof part === 'string' ? cut(part) : part)),
    'body',
  );
}

/** `, did you mean type?`, or nothing when no name is near. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = known
    // A name that is much longer or shorter is far, and finding out how far would cost its length.
    .filter((candidate) => Math.abs(candidate.length - name.length) <= mostFar(candidate))
    .map((candidate) => ({ candidate, far: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, far }) => far <= mostFar(candidate))
    .sort((a, b) => a.far - b.far)[0];
  return near ? `, did you mean ${near.candidate}?` : '';
}

const mostFar = (candidate: string) => Math.ceil(candidate.length / 2.5);

function plainWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') return `must be ${kinds[issue.expected] ?? issue.expected}`;
  if (issue.code === 'too_small') return `must ${boundOf(issue.origin, 'least', issue.minimum)}`;
  if (issue.code === 'too_big') return `must ${boundOf(issue.origin, 'most', issue.maximum)}`;
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.map(String).join(', ')}`;
  if (issue.code === 'invalid_format' && issue.format === 'datetime') {
    return 'must be a time such as 2026-01-31T12:00:00Z';
  }
  return undefined;
}

const kinds: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'an array',
  object: 'a JSON object',
};

function boundOf(origin: string, which: 'least' | 'most', bound: number | bigint): string {
  if (origin === 'string') return `have at ${which} ${bound} characters`;
  return origin === 'array' ? `have at ${which} ${bound} items` : `be at ${which} ${bound}`;
}

/** Own properties only: a path may name `__proto__`. A part of a text, such as a query list's item, is that text. */
function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => {
    if (typeof value !== 'object' || value === null) return value;
    return Object.hasOwn(value, key) ? (value as Record<PropertyKey, unknown>)[key] : undefined;
  }, input);
}
