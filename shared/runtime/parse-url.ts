/**
 * Parses a URL as WHATWG has it.
 *
 * Replaces `URL.canParse`, which is wrong in Node 20: once it has been called some thousands of times, its
 * compiled form takes the bytes of a Latin-1 string for UTF-8, and refuses `http://bücher.example/`.
 *
 * @param base what a relative reference is relative to
 * @returns undefined when it is no URL
 */
export function parseUrl(text: string, base?: URL): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}
