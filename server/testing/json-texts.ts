/** JSON texts made from a seed, and their values to the last digit, by a reader that shares no code with the server. */

type Random = () => number;
const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
const upTo = (random: Random, most: number) => Math.floor(random() * (most + 1));

/** Any JSON, near the edges more often than not: some of it does not come back as it was written. */
export function jsonText(random: Random, levels = 4): string {
  // Hardly ever, since few texts could hold that much.
  if (levels === 4 && random() < 0.02) return nested(random, 40 + upTo(random, 40));
  const kind = random();
  if (levels === 0 || kind < 0.3) return numberText(random);
  if (kind < 0.5) return stringText(random);
  if (kind < 0.55) return pick(random, ['null', 'true', 'false', '""', '[]', '{}']);
  const children = Array.from({ length: upTo(random, 3) }, () => jsonText(random, levels - 1));
  const space = pick(random, ['', '', ' ', '\n\t']);
  if (kind < 0.75) return `[${space}${children.join(`${space},`)}${space}]`;
  const members = children.map((child, i) => `${nameText(random, i)}${space}:${space}${child}`);
  return `{${space}${members.join(`,${space}`)}}`;
}

const nested = (random: Random, levels: number): string =>
  levels === 0
    ? numberText(random)
    : random() < 0.5
      ? `[${nested(random, levels - 1)}]`
      : `{"a":${nested(random, levels - 1)}}`;

const knownNumbers = [
  ...[
    '0',
    '-0',
    '-0.0',
    '1.0',
    '1.10',
    '0.1',
    '1e2',
    '1E+2',
    '1e-7',
    '1e21',
    '1e23',
    '5e-324',
    '3e-324',
    '1e999',
  ],
  ...[
    '2.2250738585072011e-308',
    '1.7976931348623157e308',
    '1.7976931348623159e308',
    '0e999',
    '0.30000000000000004',
  ],
  ...['9007199254740991', '9007199254740992', '9007199254740993', '-9007199254740993', '9007199254740993.0'],
  ...[
    '9223372036854775807',
    '18446744073709551615',
    '1152921504606846976',
    '1970670598291982290',
    '90071992547409.93',
  ],
];

const digits = (random: Random, count: number) =>
  Array.from({ length: count }, () => upTo(random, 9)).join('');

function numberText(random: Random): string {
  const kind = random();
  if (kind < 0.3) return String(upTo(random, 100_000) * pick(random, [1, -1, 0.1, 1e-9, 1e15]));
  if (kind < 0.5) return pick(random, knownNumbers);
  const double = (random() - 0.5) * 10 ** (upTo(random, 600) - 300);
  if (kind < 0.6) return String(double);
  if (kind < 0.7) return double.toPrecision(15 + upTo(random, 3));
  const whole = `${1 + upTo(random, 8)}${digits(random, upTo(random, 20))}`;
  const fraction = random() < 0.5 ? '' : `.${digits(random, 1 + upTo(random, 20))}`;
  const power = random() < 0.7 ? '' : `${pick(random, ['e', 'E', 'e+', 'e-'])}${upTo(random, 320)}`;
  return `${pick(random, ['', '-'])}${pick(random, ['0', whole])}${fraction}${power}`;
}

const pieces = [
  ...['a', ' ', '9007199254740993', '1e999', '{', '[', ',', ':', '\u00e9', '\u20ac', '\u{1f600}', '\u2028'],
  ...[
    '\\"',
    '\\\\',
    '\\/',
    '\\b',
    '\\n',
    '\\u0000',
    '\\u00e9',
    '\\ud83d\\ude00',
    '\\ud800',
    '\\udfff',
    '\\uD83D',
  ],
];
const stringText = (random: Random) =>
  `"${Array.from({ length: upTo(random, 6) }, () => pick(random, pieces)).join('')}"`;

const names = [
  '"a"',
  '"\\u0061"',
  '"__proto__"',
  '"constructor"',
  '"toString"',
  '"0"',
  '""',
  '"\\ud800"',
  '"a.b"',
];
const nameText = (random: Random, i: number) => (random() < 0.8 ? `"${'xyz'[i]}"` : pick(random, names));

/** The value of a text: numbers as digits, names in their order. */
export type Said =
  | { readonly kind: 'number'; readonly token: string }
  | { readonly kind: 'other'; readonly value: string | boolean | null }
  | { readonly kind: 'array'; readonly items: readonly Said[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [string, Said])[] };

/** @param text valid JSON */
export function saidBy(text: string): Said {
  const tokens = [...text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[[\]{},:]/g)].map(
    ([one]) => one,
  );
  let at = 0;
  const next = () => tokens[at++] ?? '';
  function value(): Said {
    const token = next();
    if (token === '[') {
      const items: Said[] = [];
      while (tokens[at] !== ']') {
        items.push(value());
        if (tokens[at] === ',') at++;
      }
      at++;
      return { kind: 'array', items };
    }
    if (token === '{') {
      const members: (readonly [string, Said])[] = [];
      while (tokens[at] !== '}') {
        const name = JSON.parse(next()) as string;
        at++;
        members.push([name, value()]);
        if (tokens[at] === ',') at++;
      }
      at++;
      return { kind: 'object', members };
    }
    if (/^[-\d]/.test(token)) return { kind: 'number', token };
    return { kind: 'other', value: JSON.parse(token) as string | boolean | null };
  }
  return value();
}

export function levelsOf(said: Said): number {
  if (said.kind === 'array') return 1 + Math.max(0, ...said.items.map(levelsOf));
  if (said.kind === 'object') return 1 + Math.max(0, ...said.members.map(([, child]) => levelsOf(child)));
  return 0;
}

/** Whether each number comes back, and no name is there twice. */
export function comesBack(said: Said): boolean {
  if (said.kind === 'number') return isSameNumber(said.token, String(Number(said.token)));
  if (said.kind === 'array') return said.items.every(comesBack);
  if (said.kind !== 'object') return true;
  const distinct = new Set(said.members.map(([name]) => name)).size;
  return distinct === said.members.length && said.members.every(([, child]) => comesBack(child));
}

/** Whether what was read is the same value as what was written, in whatever order its members are. */
export function isSame(written: Said, read: Said): boolean {
  if (written.kind === 'number') return read.kind === 'number' && isSameNumber(written.token, read.token);
  if (written.kind === 'other') return read.kind === 'other' && read.value === written.value;
  if (written.kind === 'array') {
    const items = read.kind === 'array' ? read.items : [];
    return (
      read.kind === 'array' &&
      items.length === written.items.length &&
      written.items.every((item, i) => isSame(item, items[i] as Said))
    );
  }
  if (read.kind !== 'object' || read.members.length !== written.members.length) return false;
  const byName = new Map(read.members);
  return written.members.every(([name, child]) => {
    const other = byName.get(name);
    return other !== undefined && isSame(child, other);
  });
}

/** The same value, or a fraction that is the same double printed with 16 or 17 digits. */
function isSameNumber(written: string, read: string): boolean {
  if (!/\d/.test(read)) return false;
  const [a, b] = [ratioOf(written), ratioOf(read)];
  // Beyond every double; the powers of ten below would not end.
  if (a === undefined || b === undefined) return false;
  if (a.top * b.bottom === b.top * a.bottom) return true;
  const isFraction = a.top % a.bottom !== 0n;
  const double = Number(written);
  const isNormal = Math.abs(double) >= 2.2250738585072014e-308;
  const printed = [16, 17].map((count) => ratioOf(double.toPrecision(count)));
  return (
    isFraction &&
    isNormal &&
    double === Number(read) &&
    printed.some((one) => one !== undefined && one.top * a.bottom === a.top * one.bottom)
  );
}

function ratioOf(token: string): { top: bigint; bottom: bigint } | undefined {
  const [, minus, whole = '', fraction = '', power = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(token) ?? [];
  const digitsOf = BigInt(whole + fraction);
  if (digitsOf === 0n) return { top: 0n, bottom: 1n };
  const exponent = Number(power) - fraction.length;
  if (Math.abs(exponent) > 2000) return undefined;
  const top = minus === '-' ? -digitsOf : digitsOf;
  return exponent >= 0
    ? { top: top * 10n ** BigInt(exponent), bottom: 1n }
    : { top, bottom: 10n ** BigInt(-exponent) };
}
