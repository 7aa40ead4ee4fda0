import { randomBytes } from 'node:crypto';
import { type Transition } from './transition-feed.js';

/** One item of the ring: a transition, or a gap, before which some may have been missed. */
export type Heard = (Transition & { readonly atMs: number }) | 'gap';

/**
 * The last transitions that this run of this server received, in their order. A position counts the items
 * up to there; its id names the ring too, since another server, or the next run of this one, counts on
 * its own.
 */
export class TransitionRing {
  readonly #name = randomBytes(6).toString('hex');
  readonly #capacity: number;
  readonly #items: Heard[] = [];
  #end = 0;

  constructor(capacity = 10_000) {
    this.#capacity = capacity;
  }

  /** The position after everything. */
  get end(): number {
    return this.#end;
  }

  push(heard: Heard): void {
    this.#items[this.#end % this.#capacity] = heard;
    this.#end++;
  }

  idOf(position: number): string {
    return `${this.#name}-${position}`;
  }

  /** The position that an id stands for; undefined unless all that came after it is here. */
  positionOf(id: string): number | undefined {
    const [, name, digits = ''] = /^([0-9a-f]+)-(\d{1,15})$/.exec(id) ?? [];
    const position = Number(digits);
    return name === this.#name && this.reaches(position) ? position : undefined;
  }

  /** Whether all that came after a position is here. */
  reaches(position: number): boolean {
    return position <= this.#end && position >= this.#end - this.#capacity;
  }

  /** Yields the items after one position, up to another, each with its own position. The ring must reach the first. */
  *between(from: number, to: number): Generator<readonly [position: number, heard: Heard]> {
    for (let at = from; at < to; at++) {
      const heard = this.#items[at % this.#capacity];
      if (heard !== undefined) yield [at + 1, heard];
    }
  }
}
