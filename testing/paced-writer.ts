import { type Socket } from 'node:net';

/** How bytes go over a line: all at once when both are 0. */
export interface Pace {
  /** How late each piece of what is written arrives. */
  readonly delayMs: number;
  /** Most bytes that arrive together; 0: as they were written. */
  readonly sliceBytes: number;
}

export const atOnce: Pace = { delayMs: 0, sliceBytes: 0 };

/** Counts of what a proxy has done to all bytes that ever came to it. */
export interface Traffic {
  /** Kept back by a cut; they went on when it was healed, unless their line was gone by then. */
  keptBack: number;
  /** Thrown away: a reply that was lost, or what a reset took with it. */
  dropped: number;
  delayed: number;
  slices: number;
  /** When a client last sent something, by `performance.now()`. */
  usedMs: number;
}

export const noTraffic = (): Traffic => ({ keptBack: 0, dropped: 0, delayed: 0, slices: 0, usedMs: 0 });

/** Writes to a socket in order, at the pace of the moment. */
export class PacedWriter {
  readonly #socket: Socket;
  readonly #pace: () => Pace;
  readonly #traffic: Traffic;
  readonly #queue: { readonly bytes: Buffer; readonly dueMs: number }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #ends = false;

  constructor(socket: Socket, pace: () => Pace, traffic: Traffic) {
    this.#socket = socket;
    this.#pace = pace;
    this.#traffic = traffic;
    socket.once('close', () => clearTimeout(this.#timer));
  }

  write(bytes: Buffer): void {
    const { delayMs, sliceBytes } = this.#pace();
    if (delayMs === 0 && sliceBytes === 0 && this.#queue.length === 0) {
      if (!this.#socket.destroyed) this.#socket.write(bytes);
      return;
    }
    const dueMs = performance.now() + delayMs;
    if (delayMs > 0) this.#traffic.delayed += bytes.length;
    const most = sliceBytes === 0 ? bytes.length : sliceBytes;
    for (let at = 0; at < bytes.length; at += most) {
      this.#queue.push({ bytes: bytes.subarray(at, at + most), dueMs });
    }
    if (sliceBytes > 0) this.#traffic.slices += Math.ceil(bytes.length / most);
    this.#schedule();
  }

  /** Ends the socket once everything has been written. */
  end(): void {
    this.#ends = true;
    if (this.#queue.length === 0) this.#socket.end();
  }

  #schedule(): void {
    const [next] = this.#queue;
    if (this.#timer || !next) return;
    // A turn of the event loop between two slices, so that they leave one by one.
    this.#timer = setTimeout(() => this.#writeNext(), Math.max(0, next.dueMs - performance.now()));
  }

  #writeNext(): void {
    this.#timer = undefined;
    if (this.#socket.destroyed) this.#queue.length = 0;
    const { delayMs, sliceBytes } = this.#pace();
    // A line that was healed holds nothing back: slices of a large request would go on for seconds.
    const most = delayMs === 0 && sliceBytes === 0 ? this.#queue.length : 1;
    for (const { bytes } of this.#queue.splice(0, most)) this.#socket.write(bytes);
    if (this.#queue.length > 0) this.#schedule();
    else if (this.#ends) this.#socket.end();
  }
}
