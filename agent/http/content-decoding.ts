import { Readable, type Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';

type Decoder = (firstChunk: Buffer) => Transform;

const decoders = new Map<string, Decoder>([
  ['gzip', () => createGunzip()],
  ['x-gzip', () => createGunzip()],
  ['br', () => createBrotliDecompress()],
  // RFC 9110 means zlib's format; some servers send the bare stream. Method 8 in the first byte is zlib's.
  ['deflate', ([first = 0]) => ((first & 0x0f) === 8 ? createInflate() : createInflateRaw())],
]);

/** The `accept-encoding` of a request. */
export const acceptedEncodings = 'gzip, deflate, br';

/** More layers than anyone means; each costs a decoder. */
const maxEncodings = 3;

/** A body that arrived, and that its content-encoding does not fit. */
export class UndecodableBody extends Error {
  override readonly name = 'UndecodableBody';
}

/**
 * Takes off the layers of a `content-encoding`, chunk by chunk: a decoder makes the next chunk only
 * on demand, so that a bomb that is not read costs nothing.
 *
 * @throws UndecodableBody for an unknown or broken encoding; errors of `source` as they are
 */
export function decoded(source: AsyncIterable<Buffer>, contentEncoding: string): AsyncIterable<Buffer> {
  const encodings = contentEncoding
    .toLowerCase()
    .split(',')
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== '' && encoding !== 'identity');
  if (encodings.length > maxEncodings) throw new UndecodableBody('the body is encoded too many times');
  return encodings.reduceRight((layer, encoding) => {
    const decoder = decoders.get(encoding);
    if (!decoder) throw new UndecodableBody('the content-encoding of the body is not one that was asked for');
    return through(layer, encoding, decoder);
  }, source);
}

async function* through(
  source: AsyncIterable<Buffer>,
  encoding: string,
  decoder: Decoder,
): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  const first = await chunks.next();
  // An empty body is often labelled too, and zlib would call it a broken one.
  if (first.done) return;
  const input = Readable.from(resumed(first.value, chunks));
  const output = decoder(first.value);
  input.on('error', (error) => output.destroy(error));
  try {
    yield* input.pipe(output);
  } catch (error) {
    if (input.errored) throw input.errored;
    throw new UndecodableBody(`the body is not valid ${encoding} (${String(error)})`, { cause: error });
  } finally {
    input.destroy();
    output.destroy();
  }
}

async function* resumed(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* { [Symbol.asyncIterator]: () => rest };
}
