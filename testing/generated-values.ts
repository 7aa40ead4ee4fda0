import { seededRandom } from './random.js';

/**
 * Values that no author of a test thought of: here all that JSON can express, as a value and as text, for
 * what comes over HTTP or from a file; in `generated-javascript.ts` what handlers may return, throw and attach.
 *
 * `GENERATED_VALUES` sets how many a test tries (2,000 when it is not set), `GENERATED_SEED` from which
 * seed. Value `i` depends on the seed and on `i` alone, so a failure can be repeated by itself.
 */

export type Random = () => number;

/** How many values a property test tries. */
export const generatedCount = Number(process.env.GENERATED_VALUES ?? 2000);
/** The seed that decides them all; random when it is not set. */
export const generatedSeed = Number(process.env.GENERATED_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** The dice of the value with this number. */
export const diceOf = (index: number, seed = generatedSeed): Random =>
  seededRandom(Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) + Math.imul(index + 1, 0xc2b2ae35));

/** How to see this failure again. */
export const reproductionOf = (index: number, seed = generatedSeed) =>
  `value ${index} of seed ${seed}; again: GENERATED_SEED=${seed} GENERATED_VALUES=${Math.max(generatedCount, index + 1)}`;

/**
 * Checks a property of so many values, one after another.
 *
 * @throws the first failure, with its seed, its number and how to repeat it
 */
export async function forGenerated<T>(
  make: (random: Random) => T,
  check: (value: T, index: number) => unknown,
  count = generatedCount,
): Promise<void> {
  for (let index = 0; index < count; index++) {
    try {
      await check(make(diceOf(index)), index);
    } catch (error) {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
      throw new Error(`${reproductionOf(index)}\n${why}`, { cause: error });
    }
  }
}

export const below = (random: Random, most: number) => Math.floor(random() * most);
export function oneOf<T>(random: Random, items: readonly T[]): T {
  const item = items[below(random, items.length)];
  if (item === undefined && !items.includes(item as T)) throw new Error('nothing to choose from');
  return item as T;
}

const strings = [
  '',
  'x',
  '0',
  'null',
  '{"a":1}',
  '__proto__',
  'constructor',
  'toString',
  'toJSON',
  '\u0000',
  '\u001b[2J\u0007',
  '\ud83d',
  '\ude00\ud83d',
  '😀',
  'e\u0301',
  '\u2028\u2029',
  '\ufeffx',
  '\uffff',
  '"\\/\b\f\n\r\t',
  "'; DROP TABLE x; --",
  '../../etc/passwd',
  '<script>alert(1)</script>',
];

/** Short or long, well-formed or not. */
export function anyString(random: Random, most = 6000): string {
  const kind = below(random, 10);
  if (kind < 5) return oneOf(random, strings);
  if (kind < 7) return oneOf(random, strings).repeat(below(random, 20));
  const length = kind < 9 ? below(random, 40) : below(random, most);
  const top = oneOf(random, [0x80, 0x100, 0x800, 0x10000]);
  let text = '';
  while (text.length < length) text += String.fromCharCode(below(random, top));
  return text;
}

const numbers = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.1,
  1234.5678,
  1e-7,
  5e-324,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53) - 2,
  1e15,
  1e16,
  1e20,
  1e21,
  8.64e15,
  8.65e15,
  1e300,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
];

/** Finite, as JSON has them. */
export function anyNumber(random: Random): number {
  if (random() < 0.5) return oneOf(random, numbers);
  const size = 10 ** below(random, 22);
  const number = (random() - 0.3) * size;
  return random() < 0.5 ? Math.floor(number) : number;
}

const keyOf = (random: Random) =>
  random() < 0.7 ? oneOf(random, ['a', 'b', 'id', 'x']) : anyString(random, 40);

export type GeneratedJson =
  | null
  | boolean
  | number
  | string
  | GeneratedJson[]
  | { [key: string]: GeneratedJson };

/** JSON of every kind; the deeper, the less of it. @param depth most levels of objects and arrays */
export function anyJson(random: Random, depth = 5): GeneratedJson {
  const kind = below(random, depth > 0 ? 12 : 6);
  if (kind === 0) return null;
  if (kind === 1) return random() < 0.5;
  if (kind <= 3) return anyNumber(random);
  if (kind <= 5) return anyString(random);
  if (kind <= 7) return Array.from({ length: below(random, 5) }, () => anyJson(random, depth - 1));
  if (kind === 8) return nested(random, below(random, 120));
  if (kind === 9) return Array.from({ length: below(random, 300) }, (_, i) => i);
  const object: Record<string, GeneratedJson> = {};
  for (let i = below(random, 6); i > 0; i--) {
    // An own property, as `JSON.parse` makes it, also for `__proto__`.
    const value = anyJson(random, depth - 1);
    Object.defineProperty(object, keyOf(random), {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  return object;
}

/** Brackets within brackets. */
export function nested(random: Random, levels: number): GeneratedJson {
  let value: GeneratedJson = null;
  for (let i = 0; i < levels; i++) value = random() < 0.5 ? [value] : { a: value };
  return value;
}

/** Numbers as people and programs write them, also such as no double holds. */
const numberTexts = [
  '0',
  '-0',
  '1.0',
  '1e2',
  '1E+2',
  '0.1',
  '9007199254740991',
  '9007199254740992',
  '9007199254740993',
  '3889108265204450030',
  '-9223372036854775808',
  '18446744073709551615',
  '1e400',
  '-1e400',
  '1e-400',
  '0.1000000000000000055511151231257827',
  '123456789012345678901234567890',
  '3.141592653589793238462643383279',
];

/** JSON as text, also as `JSON.stringify` would not write it: white space, escapes, long numbers, doubled names. */
export function anyJsonText(random: Random, depth = 5): string {
  const blank = random() < 0.1 ? oneOf(random, [' ', '\n', '\t', '\r\n  ']) : '';
  const kind = below(random, depth > 0 ? 10 : 6);
  if (kind <= 1) return blank + oneOf(random, ['null', 'true', 'false']);
  if (kind === 2) return blank + oneOf(random, numberTexts);
  if (kind === 3) return blank + String(anyNumber(random));
  if (kind <= 5) return blank + stringText(random);
  if (kind === 6) return blank + JSON.stringify(nested(random, below(random, 120)));
  const items = Array.from({ length: below(random, 5) }, () => anyJsonText(random, depth - 1));
  if (kind <= 7) return `${blank}[${items.join(',')}${blank}]`;
  const members = items.map((item) => `${JSON.stringify(keyOf(random))}${blank}:${item}`);
  return `${blank}{${members.join(',')}${blank}}`;
}

function stringText(random: Random): string {
  const text = JSON.stringify(anyString(random, 300));
  if (random() < 0.8) return text;
  // The same string in escapes.
  return `"${Array.from({ length: below(random, 10) }, () => `\\u${below(random, 0x10000).toString(16).padStart(4, '0')}`).join('')}"`;
}

/** JSON text, or one that was damaged: cut off, a character too many, two documents in a row, none. */
export function anyText(random: Random): string {
  const text = anyJsonText(random);
  const at = below(random, text.length + 1);
  return oneOf(random, [
    () => text,
    () => text.slice(0, at),
    () => text.slice(0, at) + anyString(random, 20) + text.slice(at),
    () => text + text,
    () => anyString(random),
    () => '',
  ])();
}
