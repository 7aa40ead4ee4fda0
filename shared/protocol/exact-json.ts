/**
 * JSON text that comes back as it was written. JSON.parse changes some texts in silence: a number that no
 * double holds becomes its neighbour, of two members with one name the first is gone. Every program of
 * Fencepost that takes JSON from a client, an agent or an operator reads it here, so that such a text is
 * refused by the name of its field, and never stored as something else
 * (docs/decisions/0012-json-comes-back-as-it-was-written.md).
 */

/** The path of a value in JSON: names of members and places in arrays. */
export type JsonPath = readonly (string | number)[];

/** The first place of a text that would not come back as it was written. */
export interface InexactJson {
  readonly path: JsonPath;
  /** The fault; reads on from the name of the field. */
  readonly message: string;
  /** The remedy for its author; reads on from the message. */
  readonly advice: string;
}

export interface ExactJson {
  /** The value as JSON.parse gives it. */
  readonly value: unknown;
  /** undefined: `JSON.stringify(value)` means the same as the text. */
  readonly fault: InexactJson | undefined;
}

const inexactNumber = { message: 'is a number that cannot be kept', advice: '; send it as a string' };
const givenTwice = { message: 'is given twice', advice: '' };

/**
 * Parses JSON, and looks whether it would come back as it was written. Costs one pass over the text and one
 * over the value; only a text that is refused is read once more, for the name of the field.
 *
 * @param maxDepth most levels of nesting: what works on the value afterwards is recursive
 * @throws SyntaxError as JSON.parse does
 */
export function parseExactJson(text: string, maxDepth: number): ExactJson {
  const value: unknown = JSON.parse(text);
  const seen = scan(text, maxDepth);
  if (seen === 'deep') {
    const message = `must be nested at most ${maxDepth} levels deep`;
    return { value, fault: { path: [], message, advice: '' } };
  }
  if (seen.inexactAt !== undefined) {
    return { value, fault: { path: pathTo(text, seen.inexactAt), ...inexactNumber } };
  }
  // JSON.parse keeps the last of the members that share a name: then the text has more than the value.
  if (seen.members === membersOf(value)) return { value, fault: undefined };
  return { value, fault: { path: pathTo(text, undefined), ...givenTwice } };
}

/**
 * Finds the path of a number that JavaScript has and JSON has not: NaN and Infinity, which become null.
 *
 * @param seen objects that need no second look; circles, which JSON.stringify has a word for, end here
 */
export function pathOfNonFinite(value: unknown, seen = new Set<object>()): JsonPath | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : [];
  if (typeof value !== 'object' || value === null || seen.has(value)) return undefined;
  seen.add(value);
  for (const [name, child] of Object.entries(value)) {
    const path = pathOfNonFinite(child, seen);
    if (path) return [Array.isArray(value) ? Number(name) : name, ...path];
  }
  return undefined;
}

/** `['payload', 'ids', 3]` → `payload.ids[3]`; the name of the whole when the path is empty. */
export function textOfPath(path: readonly PropertyKey[], whole: string): string {
  if (path.length === 0) return whole;
  return path.reduce<string>((text, part, i) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const name = part === '' ? '""' : String(part);
    return i === 0 ? name : `${text}.${name}`;
  }, '');
}

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const minus = 0x2d;

interface Seen {
  /** Names in all objects together. */
  readonly members: number;
  /** Where the first number begins that does not come back. */
  readonly inexactAt: number | undefined;
}

/** One pass over valid JSON, without recursion. */
function scan(text: string, maxDepth: number): Seen | 'deep' {
  let members = 0;
  let depth = 0;
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = endOfString(text, at);
    } else if (isDigit(code) || code === minus) {
      const end = endOfNumber(text, at);
      if (!isExactNumber(text, at, end)) return { members, inexactAt: at };
      at = end;
    } else {
      if (code === colon) members++;
      else if (isOpening(code)) depth++;
      else if (isClosing(code)) depth--;
      if (depth > maxDepth) return 'deep';
      at++;
    }
  }
  return { members, inexactAt: undefined };
}

const isDigit = (code: number) => code >= 0x30 && code <= 0x39;
/** `[` or `{`. */
const isOpening = (code: number) => code === 0x5b || code === 0x7b;
/** `]` or `}`. */
const isClosing = (code: number) => code === 0x5d || code === 0x7d;

/** @returns where the text goes on behind a string that begins at `start` */
function endOfString(text: string, start: number): number {
  for (let at = start; ;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(at - 1 - backslashes) === backslash) backslashes++;
    if (backslashes % 2 === 0) return at + 1;
  }
}

function endOfNumber(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && isPartOfNumber(text.charCodeAt(at))) at++;
  return at;
}

/** A digit, or one of `.`, `+`, `-`, `e`, `E`. */
const isPartOfNumber = (code: number) =>
  isDigit(code) || code === 0x2e || code === 0x2b || code === minus || code === 0x65 || code === 0x45;

/** Any decimal of so many digits without an exponent is the shortest name of its double. */
const surelyExactChars = 15;

function isExactNumber(text: string, start: number, end: number): boolean {
  let isPlain = end - start <= surelyExactChars;
  for (let at = start; isPlain && at < end; at++) isPlain = (text.charCodeAt(at) | 0x20) !== 0x65;
  return isPlain || isExactDecimal(text.slice(start, end));
}

const smallestNormal = 2.2250738585072014e-308;

/**
 * Whether a number comes back with the value that it was written with. A fraction may also be one that a
 * program printed with 16 or 17 digits, as C's `%.17g` does: it is a name of the same double, as the
 * shortest one is. Of a whole number that is not enough: 1152921504606846976 is a double, and would come
 * back as 1152921504606847000, which a program with 64-bit integers reads as another number.
 */
function isExactDecimal(token: string): boolean {
  const double = Number(token);
  if (!Number.isFinite(double)) return false;
  const written = decimalOf(token);
  if (isSame(written, decimalOf(String(double)))) return true;
  const { length } = written.digits;
  const isPrintedFraction =
    written.exponent < 0 && (length === 16 || length === 17) && Math.abs(double) >= smallestNormal;
  return isPrintedFraction && isSame(written, decimalOf(double.toPrecision(length)));
}

/** `digits` × 10 ^ `exponent`, without zeros at either end of the digits; zero has none. */
interface Decimal {
  readonly digits: string;
  readonly exponent: number;
}

function decimalOf(token: string): Decimal {
  const [mantissa = '', power = '0'] = token.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const all = whole + fraction;
  let first = 0;
  while (all.charCodeAt(first) === 0x30) first++;
  let last = all.length;
  while (last > first && all.charCodeAt(last - 1) === 0x30) last--;
  if (first === last) return { digits: '', exponent: 0 };
  return { digits: all.slice(first, last), exponent: Number(power) - fraction.length + all.length - last };
}

const isSame = (a: Decimal, b: Decimal) => a.digits === b.digits && a.exponent === b.exponent;

/** Recursive: only for a value that is known to be no deeper than its bound. */
function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let members = 0;
  if (Array.isArray(value)) {
    for (const child of value) members += membersOf(child);
    return members;
  }
  // Not over Object.values, which would copy a body as large as a batch's.
  for (const name in value) members += 1 + membersOf((value as Record<string, unknown>)[name]);
  return members;
}

interface Level {
  /** The name or the place that is being read. */
  key: string | number;
  /** The names of an object so far; undefined for an array. */
  readonly names: Set<string> | undefined;
  isAtName: boolean;
}

/**
 * The path of what begins at an offset of valid JSON.
 *
 * @param offset undefined: of the first member whose object has one of its name already
 */
function pathTo(text: string, offset: number | undefined): JsonPath {
  const levels: Level[] = [];
  for (let at = 0; at < text.length && at !== offset;) {
    const code = text.charCodeAt(at);
    const level = levels.at(-1);
    if (code === quote) {
      const end = endOfString(text, at);
      if (level?.names && level.isAtName) {
        level.key = JSON.parse(text.slice(at, end)) as string;
        level.isAtName = false;
        if (offset === undefined && level.names.has(level.key)) break;
        level.names.add(level.key);
      }
      at = end;
      continue;
    }
    if (isOpening(code)) {
      const isArray = text[at] === '[';
      levels.push({ key: isArray ? 0 : '', names: isArray ? undefined : new Set(), isAtName: !isArray });
    } else if (isClosing(code)) levels.pop();
    else if (code === comma && level) {
      if (typeof level.key === 'number') level.key++;
      else level.isAtName = true;
    }
    at++;
  }
  return levels.map(({ key }) => key);
}
