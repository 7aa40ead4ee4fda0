/**
 * Takes passwords out of URLs in a text: `redis://me:secret@host` → `redis://me:***@host`.
 * Up to the last `@`, since a password that someone forgot to encode may hold one.
 */
export function redactPasswords(text: string): string {
  // Nearly every line of a log has none, and the pattern tries each of its words.
  if (!text.includes('://')) return text;
  return text.replace(/(\w+:\/\/[^:@\s"'/]*):[^\s"'/]*@/g, '$1:***@');
}

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
