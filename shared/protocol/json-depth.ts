const quote = 0x22;
const backslash = 0x5c;

/**
 * Whether JSON text has arrays and objects within one another on more than so many levels. In one pass and
 * without recursion, whatever the text is.
 */
export function isNestedDeeper(json: string, levels: number): boolean {
  // A level has two brackets: most texts are too short to be deep.
  if (json.length <= 2 * levels) return false;
  let depth = 0;
  let isInString = false;
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code === quote) isInString = !isInString;
    else if (isInString) i += code === backslash ? 1 : 0;
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > levels) return true;
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
  return false;
}
