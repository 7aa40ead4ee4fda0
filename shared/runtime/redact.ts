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

/** A value that is wrong, as a message quotes it: in short, and without what may be a password in it. */
export function shown(text: string): string {
  const start = text.slice(0, mostShown);
  // A password that is misspelt in its own way escapes every pattern.
  const safe =
    start.includes('://') && text.includes('@') ? `${start.slice(0, start.indexOf('://'))}://…` : start;
  return JSON.stringify(safe === text ? text : safe.endsWith('…') ? safe : `${safe}…`);
}
