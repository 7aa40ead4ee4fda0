import { isUtf8 } from 'node:buffer';

export interface ReadText {
  readonly text: string;
  /** How many bytes `text` was made of. */
  readonly bytes: number;
  /** Why it is not what was sent. */
  readonly problem: string | null;
}

/**
 * Decodes bytes: in the encoding that the content-type declares, else in UTF-8. A byte order mark overrides
 * both. What cannot be decoded becomes U+FFFD, and is reported as the problem.
 *
 * @param whole else the last bytes may be the beginning of a character, and are left out
 */
export function textOf(bytes: Buffer, contentType: string, whole: boolean): ReadText {
  const charset = declaredCharset(contentType);
  const decoder = decoderFor(charset);
  const isMarked = bytes.subarray(0, 3).equals(byteOrderMark);
  if (decoder && decoder.encoding !== 'utf-8' && !isMarked) {
    // A part of a body is decoded like a stream that goes on: an incomplete character at its end is left out.
    const text = decoder.decode(bytes, { stream: !whole });
    const problem = text.includes('\ufffd') ? `the body is not ${charset}${lost}` : null;
    return { text, bytes: bytes.length, problem };
  }
  const kept = whole ? bytes : wholeCharacters(bytes);
  const problem = isUtf8(kept) ? null : `the body is not UTF-8${lost}`;
  return { text: new TextDecoder().decode(kept), bytes: kept.length, problem };
}

const lost = '; what could not be read became U+FFFD';
const byteOrderMark = Buffer.from('\ufeff');

function declaredCharset(contentType: string): string {
  return /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1] ?? 'utf-8';
}

/** undefined for a name that no standard knows. */
function decoderFor(charset: string): InstanceType<typeof TextDecoder> | undefined {
  try {
    return new TextDecoder(charset);
  } catch {
    return undefined;
  }
}

/** Leaves out a UTF-8 character at the end of which some bytes are missing. */
function wholeCharacters(bytes: Buffer): Buffer {
  for (let length = 1; length <= 3; length += 1) {
    const byte = bytes.at(-length);
    if (byte === undefined || byte < 0x80) break;
    const leads = byte >= 0xc0;
    if (leads) return length < characterLength(byte) ? bytes.subarray(0, -length) : bytes;
  }
  return bytes;
}

function characterLength(leadingByte: number): number {
  if (leadingByte >= 0xf0) return 4;
  return leadingByte >= 0xe0 ? 3 : 2;
}
