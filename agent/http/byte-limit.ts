import { Readable } from 'node:stream';

/**
 * The first bytes of a response's body, as they came over the wire, taken as fast as they come.
 *
 * Never slower, which is why they are held here: once undici (7.30) has paused a response because
 * its reader is slow, the end of the connection trips an assertion in an event handler, and that
 * ends the process. Reading begins in the constructor, in the event-loop tick in which the headers came.
 */
export class ByteLimit extends Readable {
  /** There were more than `maxBytes`; these are the first of them. */
  cut = false;
  readonly #source: Readable;

  constructor(source: Readable, maxBytes: number) {
    super();
    this.#source = source;
    let size = 0;
    source.on('data', (chunk: Buffer) => {
      size += chunk.length;
      this.cut = size > maxBytes;
      this.push(chunk);
      if (!this.cut) return;
      this.push(null);
      source.destroy();
    });
    source.on('end', () => this.push(null));
    // Errors may also come when the body is no longer read: undici reports a body that was not wanted as one.
    source.on('error', (error) => {
      if (!this.cut) this.destroy(error);
    });
    this.on('error', () => undefined);
  }

  override _read(): void {
    // Bytes come by themselves.
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#source.destroy();
    callback(error);
  }
}
