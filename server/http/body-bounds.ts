/** The bounds of a JSON body other than its size. */
export interface BodyBounds {
  /** How deep it may be nested. */
  readonly levels: number;
  /** How many commas, colons and opening brackets it may have outside strings: about as many values and names. */
  readonly values: number;
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * Looks through JSON in UTF-8 before it is parsed: 8 MiB of `{},` or of names take JSON.parse more than a
 * second, 8 MiB of text hardly any time, and so it is for all that walks through what it made.
 *
 * @returns which bound it exceeds; the parser reports a text that is no JSON at all
 */
export function boundsFault(json: Buffer, { levels, values }: BodyBounds): keyof BodyBounds | undefined {
  let level = 0;
  let count = 0;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (byte === quote) i = endOfString(json, i + 1);
    else if (byte === comma || byte === colon) count++;
    else if (byte === openList || byte === openObject) {
      count++;
      if (++level > levels) return 'levels';
    } else if (byte === closeList || byte === closeObject) level--;
    if (count > values) return 'values';
  }
  return undefined;
}

/** @param at behind the quotation mark that begins it */
function endOfString(json: Buffer, at: number): number {
  for (let i = at; i < json.length; i++) {
    const byte = json[i];
    if (byte === quote) return i;
    if (byte === backslash) i++;
  }
  return json.length;
}
