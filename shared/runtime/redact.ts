/**
 * Takes passwords out of URLs in a text: `redis://me:secret@host` → `redis://me:***@host`.
 * Up to the last `@`, since a password that someone forgot to encode may hold one.
 */
export function redactPasswords(text: string): string {
  // Nearly every line of a log has none, and the pattern tries each of its words.
  if (!text.includes('://')) return text;
  return text.replace(/(\w+:\/\/[^:@\s"'/]*):[^\s"'/]*@/g, '$1:***@');
}
