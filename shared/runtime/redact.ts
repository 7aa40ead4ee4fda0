import { readRedisUrl } from './redis-url.js';

/** The start of a URL with a user and a password. Behind the name of a host, digits that end are its port. */
const credentials = /^([a-z][a-z0-9+.-]*:\/\/(?:[^:@\s"'/\\]+:(?!\d{1,5}(?:[^\w@%.~+$!*-]|$))|:))/i;
const secretQuery = /([?&](?:pass(?:word|wd)?|pwd|token|secret|auth)=)[^&#\s"'\\]+/gi;

/**
 * Takes passwords out of URLs in a text, for logs and messages: `redis://me:secret@host` becomes
 * `redis://me:***@host`, `?password=secret` becomes `?password=***`.
 *
 * Up to the last `@` before the next URL or the end of its JSON string: a password that is not encoded
 * may hold any character, and it is better to lose a word of a message than to show a part of one.
 */
export function redactPasswords(text: string): string {
  // Nearly every line of a log has none.
  if (!text.includes('://')) return text;
  if (isRedisUrl(text)) return withoutPassword(text, false);
  const isJson = text.startsWith('{');
  return text
    .split(/(?=(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/)/i)
    .map((part) => withoutPassword(part, isJson))
    .join('')
    .replace(secretQuery, '$1***');
}

/** @param text that begins with a URL, up to the next one */
function withoutPassword(text: string, isJson: boolean): string {
  const head = credentials.exec(text)?.[1];
  if (head === undefined) return text;
  const at = text.lastIndexOf('@', endOf(text, isJson));
  return at < head.length ? text : `${head}***${text.slice(at)}`;
}

/** A string of JSON ends at its quote; elsewhere a quote may be a part of the password. */
function endOf(text: string, isJson: boolean): number {
  const end = isJson ? /(?<!\\)(?:\\\\)*"/.exec(text)?.index : undefined;
  const line = text.indexOf('\n');
  return Math.min(end ?? text.length, line < 0 ? text.length : line);
}

const isRedisUrl = (text: string) => 'address' in readRedisUrl(text);

const mostShown = 100;

/** Parts of a wrong value behind which a secret may stand. Each is shown itself. */
const ends = [
  // A password that is misspelt in its own way escapes every pattern.
  /^[^@]*?:\/{1,2}(?=.*@)/s,
  // A quote that is not closed, or the wrong line ends, and the next lines of a file are in it.
  /^[^\p{Cc}]*/u,
  // Another setting, with its value: `--grace-ms --redis-url=…`.
  /^-*[A-Za-z][\w-]*=/,
];

/** A value that is wrong, as a message quotes it: in short, and without what may be a secret in it. */
export function shown(text: string): string {
  const start = ends.reduce((rest, end) => end.exec(rest)?.[0] ?? rest, text).slice(0, mostShown);
  return JSON.stringify(start === text ? text : `${start}…`);
}
