import { type Readable } from 'node:stream';
import { decoded, UndecodableBody } from './decoded.js';
import { WireBytes } from './wire-bytes.js';

/**
 * How much may come over the wire for what is read of it. Encoded data is a little larger than what
 * it stands for at worst, unless it is made to keep a decoder busy.
 */
const maxWireBytes = 1024 * 1024;

export interface Body {
  /** UTF-8, without a byte order mark; what is not UTF-8 became U+FFFD. */
  readonly text: string;
  /** How many decoded bytes `text` was made of. */
  readonly bytes: number;
  /** There was more than was asked for. */
  readonly truncated: boolean;
  /** Why `text` is not all of it, when the encoding was broken. */
  readonly problem: string | null;
}

/**
 * Reads at most `maxBytes` of the decoded body, and leaves `source` destroyed: what was not read is
 * not downloaded.
 *
 * @throws what `source` fails with, since then the body did not arrive
 */
export async function readBody(source: Readable, contentEncoding: string, maxBytes: number): Promise<Body> {
  const wire = new WireBytes(source, maxWireBytes);
  const held = Buffer.alloc(maxBytes);
  let size = 0;
  let truncated = false;
  let problem: string | null = null;
  try {
    for await (const chunk of decoded(wire as AsyncIterable<Buffer>, contentEncoding)) {
      const kept = chunk.copy(held, size);
      size += kept;
      // Seen only with the byte after the last one that fits: a body of exactly `maxBytes` is whole.
      truncated = kept < chunk.length;
      if (truncated) break;
    }
  } catch (error) {
    if (!(error instanceof UndecodableBody)) throw error;
    // Of what was cut off on the wire, the decoder misses the end, and may say so.
    if (!wire.cut) problem = error.message;
  } finally {
    wire.destroy();
  }
  truncated ||= wire.cut;
  const whole = !truncated && problem === null;
  const bytes = whole ? held.subarray(0, size) : wholeCharacters(held.subarray(0, size));
  return { text: new TextDecoder().decode(bytes), bytes: bytes.length, truncated, problem };
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
