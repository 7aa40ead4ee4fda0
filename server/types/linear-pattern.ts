import { RE2JS } from 're2js';

/** Finds out whether a text has a match, in a time that only its length decides. */
export interface LinearPattern {
  /** States of its automata: what compiling it costs. */
  readonly states: number;
  test(text: string): boolean;
}

/** Longest pattern, in characters: compiling one costs more than its length. */
const longest = 2000;
/** Largest sum of the counts in one: `a{1,1000}` makes a thousand states. */
const mostRepeats = 2000;

/**
 * A pattern of ECMAScript as an automaton (RE2), which does not backtrack: `^(a+)+$` cannot be made to
 * take for ever. An automaton cannot look around; lookaheads at the beginning, such as those of the
 * usual password, are taken out and tested each by itself.
 *
 * @returns undefined when it cannot be one: it looks around elsewhere, refers back, or is too large
 */
export function linearPattern(pattern: string): LinearPattern | undefined {
  if (pattern.length > longest || repeatsIn(pattern) > mostRepeats) return undefined;
  const parts = withoutLookaheads(pattern);
  try {
    const compiled = parts?.map(({ source, isWanted }) => ({ re: compile(source), isWanted }));
    if (!compiled) return undefined;
    return {
      states: compiled.reduce((sum, { re }) => sum + re.programSize(), 0),
      test: (text) => compiled.every(({ re, isWanted }) => re.test(text) === isWanted),
    };
  } catch {
    return undefined;
  }
}

const compile = (source: string) => RE2JS.compile(RE2JS.translateRegExp(asJavaScriptMeansIt(source)));

function repeatsIn(pattern: string): number {
  let sum = 0;
  for (const [, least, most] of pattern.matchAll(/\{(\d{1,9})(?:,(\d{1,9}))?\}/g))
    sum += Number(most ?? least);
  return sum;
}

interface Part {
  readonly source: string;
  /** false: it must not match. */
  readonly isWanted: boolean;
}

/** `^(?=a)(?!b)c` as `^(?:a)`, not `^(?:b)`, and `^(?:c)`. */
function withoutLookaheads(pattern: string): Part[] | undefined {
  if (!/^\^\(\?[=!]/.test(pattern)) return [{ source: pattern, isWanted: true }];
  const parts: Part[] = [];
  let at = 1;
  while (/^\(\?[=!]/.test(pattern.slice(at, at + 3))) {
    const end = endOfGroup(pattern, at);
    if (end === undefined) return undefined;
    parts.push({
      source: `^(?:${pattern.slice(at + 3, end)})`,
      isWanted: pattern[at + 2] === '=',
    });
    at = end + 1;
    // A lookahead may be repeated, which would change what it means here.
    if (/^[*+?{]/.test(pattern.slice(at))) return undefined;
  }
  const rest = pattern.slice(at);
  // `^(?=a)b|c`: the lookahead belongs to the first alternative only.
  if (hasAlternatives(rest)) return undefined;
  parts.push({ source: `^${rest}`, isWanted: true });
  return parts;
}

/** Where the group that begins at `at` ends. */
function endOfGroup(pattern: string, at: number): number | undefined {
  let open = 0;
  for (const { i, character } of outsideClasses(pattern, at)) {
    if (character === '(') open++;
    else if (character === ')' && --open === 0) return i;
  }
  return undefined;
}

function hasAlternatives(pattern: string): boolean {
  let open = 0;
  for (const { character } of outsideClasses(pattern, 0)) {
    if (character === '(') open++;
    else if (character === ')') open--;
    else if (character === '|' && open === 0) return true;
  }
  return false;
}

/** The characters of a pattern that are neither escaped nor in a class. */
function* outsideClasses(pattern: string, from: number): Generator<{ i: number; character: string }> {
  let inClass = false;
  for (let i = from; i < pattern.length; i++) {
    const character = pattern.charAt(i);
    if (character === '\\') i++;
    else if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
    else yield { i, character };
  }
}

const space =
  '\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}';

/** RE2's `\s` knows ASCII only, and its `.` takes line breaks that JavaScript's does not. */
function asJavaScriptMeansIt(pattern: string): string {
  let inClass = false;
  let text = '';
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern.charAt(i);
    if (character === '\\') {
      const escape = pattern.slice(i, i + 2);
      if (escape === '\\s') text += inClass ? space : `[${space}]`;
      else if (escape === '\\S' && !inClass) text += `[^${space}]`;
      else text += escape;
      i++;
      continue;
    }
    if (character === '.' && !inClass) text += '[^\\n\\r\\x{2028}\\x{2029}]';
    else text += character;
    if (inClass) inClass = character !== ']';
    else if (character === '[') inClass = true;
  }
  return text;
}
