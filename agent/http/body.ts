import { type Readable } from 'node:stream';
import { decoded, UndecodableBody } from './content-decoding.js';
import { textOf } from './text.js';
import { ByteLimit } from './byte-limit.js';

/**
 * How much may come over the wire for what is read of it. Encoded data is a little larger than what
 * it stands for at worst, unless it is made to keep a decoder busy.
 */
const maxWireBytes = 1024 * 1024;

export interface Body {
  /** Decoded by the charset of the content-type, or as UTF-8; without a byte order mark. */
  readonly text: string;
  /** How many decoded bytes `text` was made of. */
  readonly bytes: number;
  /** There was more than was asked for. */
  readonly truncated: boolean;
  /** Why `text` is not all of it, when the encoding was broken. */
  readonly problem: string | null;
  /** Why `text` is not what was sent, when some characters could not be read. */
  readonly garbled: string | null;
}

export interface ReadBodyOptions {
  readonly contentEncoding: string;
  readonly contentType: string;
  /** Most bytes of the decoded body. */
  readonly maxBytes: number;
}

/**
 * Reads at most `maxBytes` of the decoded body, and leaves `source` destroyed: what was not read is
 * not downloaded.
 *
 * @throws what `source` fails with, since then the body did not arrive
 */
export async function readBody(
  source: Readable,
  { contentEncoding, contentType, maxBytes }: ReadBodyOptions,
): Promise<Body> {
  const wire = new ByteLimit(source, maxWireBytes);
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
    // A decoder may fail because a body that was cut off on the wire has no end: that is no fault of the body.
    if (!wire.cut) problem = error.message;
  } finally {
    wire.destroy();
  }
  truncated ||= wire.cut;
  const whole = !truncated && problem === null;
  const read = textOf(held.subarray(0, size), contentType, whole);
  return { text: read.text, bytes: read.bytes, truncated, problem, garbled: read.problem };
}
