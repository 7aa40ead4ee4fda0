import { type Moment } from '../shared/runtime/clock.js';
import { type TrackedAttempt } from './lease-renewer-messages.js';

/**
 * The attempts that an agent holds, in memory that its main thread writes and its lease renewer's thread reads: a message for
 * each change cost both threads more than all else that an agent does with a command.
 *
 * Each place is a sequence lock. Its first word counts changes: odd while the place is taken, even while it is free. The
 * main thread writes only places that are free, and counts afterwards; the lease renewer reads a place's words atomically, so
 * in their order, and then the count once more: if it has changed, the words may be parts of two attempts.
 */

/** A count, the attempt, the id's length with the policy, one word that is not used, two times, and the id. */
const wordsPerPlace = 20;
const [attemptWord, aboutWord] = [1, 2] as const;
/** Offsets from the beginning of a place: the first two in doubles, the last one in bytes. */
const [monotonicDouble, wallDouble, idByte] = [2, 3, 32] as const;
const mostIdBytes = wordsPerPlace * 4 - idByte;
const retryFlag = 1 << 8;
/** How many places were ever used, and a word that keeps what follows aligned for doubles. */
const headerWords = 2;

const bytesOf = (places: number) => (headerWords + places * wordsPerPlace) * 4;

/** Memory for so many attempts. */
export const makeHeldTable = (places: number) => new SharedArrayBuffer(bytesOf(places));

/** The main thread's side. */
export class HeldTableWriter {
  readonly #words: Int32Array;
  readonly #doubles: Float64Array;
  readonly #bytes: Buffer;
  readonly #places: number;
  readonly #free: number[] = [];
  #used = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
    this.#doubles = new Float64Array(memory);
    this.#bytes = Buffer.from(memory);
    this.#places = Math.floor((memory.byteLength / 4 - headerWords) / wordsPerPlace);
  }

  /** The lease renewer sees it from its next look on. @returns the place, or undefined when it does not fit */
  put({ id, attempt, onAgentLost }: TrackedAttempt, { monotonicMs, wallMs }: Moment): number | undefined {
    const place = this.#free.at(-1) ?? this.#used;
    if (place === this.#places || !fits(id)) return undefined;
    const at = headerWords + place * wordsPerPlace;
    this.#words[at + attemptWord] = attempt;
    this.#words[at + aboutWord] = id.length + (onAgentLost === 'retry' ? retryFlag : 0);
    this.#doubles[at / 2 + monotonicDouble] = monotonicMs;
    this.#doubles[at / 2 + wallDouble] = wallMs;
    this.#bytes.write(id, at * 4 + idByte, 'latin1');
    Atomics.add(this.#words, at, 1);
    if (place === this.#used) Atomics.store(this.#words, 0, ++this.#used);
    else this.#free.pop();
    return place;
  }

  /** @param place of an attempt that is held no more */
  remove(place: number): void {
    Atomics.add(this.#words, headerWords + place * wordsPerPlace, 1);
    this.#free.push(place);
  }
}

/** The table stores one byte per character, so an id must be ASCII. */
const fits = (id: string) => id.length <= mostIdBytes && /^[\x20-\x7e]*$/.test(id);

/** The reader calls these for each place that has changed. */
export interface HeldTableChanges {
  readonly onTaken: (place: number, kept: TrackedAttempt, renewedAt: Moment) => void;
  readonly onGone: (place: number) => void;
}

/** The lease renewer's side. */
export class HeldTableReader {
  readonly #words: Int32Array;
  /** The count of each place as of the last look. */
  readonly #seen: number[] = [];
  readonly #copy = new Int32Array(wordsPerPlace);
  readonly #doubles = new Float64Array(this.#copy.buffer);
  readonly #bytes = Buffer.from(this.#copy.buffer);

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** Reports what was taken and what is gone since the last look; for a place that has another attempt, both. */
  look({ onTaken, onGone }: HeldTableChanges): void {
    const used = Atomics.load(this.#words, 0);
    for (let place = 0; place < used; place++) {
      const before = this.#seen[place] ?? 0;
      const count = this.#copyPlace(place);
      if (count === before) continue;
      this.#seen[place] = count;
      if (isTaken(before)) onGone(place);
      if (isTaken(count)) onTaken(place, this.#kept(), this.#renewedAt());
    }
  }

  /** Copies a place whole, unless it is free or as it was. @returns its count */
  #copyPlace(place: number): number {
    const at = headerWords + place * wordsPerPlace;
    for (;;) {
      const count = Atomics.load(this.#words, at);
      if (!isTaken(count) || count === this.#seen[place]) return count;
      for (let i = 1; i < wordsPerPlace; i++) this.#copy[i] = Atomics.load(this.#words, at + i);
      if (Atomics.load(this.#words, at) === count) return count;
    }
  }

  #kept(): TrackedAttempt {
    const about = this.#copy[aboutWord] ?? 0;
    return {
      id: this.#bytes.toString('latin1', idByte, idByte + (about & (retryFlag - 1))),
      attempt: this.#copy[attemptWord] ?? 0,
      onAgentLost: (about & retryFlag) === 0 ? 'fail' : 'retry',
    };
  }

  #renewedAt(): Moment {
    return { monotonicMs: this.#doubles[monotonicDouble] ?? 0, wallMs: this.#doubles[wallDouble] ?? 0 };
  }
}

const isTaken = (count: number) => (count & 1) === 1;
