/**
 * Untrusted text (a host, an error's message, a payload) may hold characters that a terminal obeys: they set
 * its title, clear it, make up lines, or reverse text. Everything that the command line prints, and each
 * readable line of a log, passes here, and each such character is shown as JSON writes it, `\u001b`: inside
 * JSON that is the very same value.
 *
 * All controls, what turns text round or is not seen, and separators of lines; Unicode TR36 names them.
 */
const dangerous =
  /[\p{Cc}\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

const short: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

const escaped = (text: string) =>
  short[text] ??
  text
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');

/** The text as a terminal may have it, on one line. */
export function harmless(text: string): string {
  return text.replace(dangerous, escaped);
}

/** Plain data, each text in it harmless, for what lays it out in several lines. */
export function harmlessIn<T>(value: T): T;
export function harmlessIn(value: unknown): unknown {
  if (typeof value === 'string') return harmless(value);
  if (Array.isArray(value)) return value.map((item) => harmlessIn<unknown>(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      harmless(name),
      name === 'stack' && typeof item === 'string' ? harmlessLines(item) : harmlessIn<unknown>(item),
    ]),
  );
}

/** Keeps the line breaks: each line of an error's stack stays a line of its own. */
const harmlessLines = (text: string) => text.split('\n').map(harmless).join('\n');
