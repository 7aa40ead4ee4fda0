import { createHash } from 'node:crypto';
import { seededRandom } from '../testing/random.js';

/** Numbers that a seed decides, and what is drawn with them. */
export class Dice {
  readonly #random: () => number;

  /** @param of what they are for: dice of one seed for two purposes have nothing in common */
  constructor(seed: number, ...of: readonly (string | number)[]) {
    const digest = createHash('sha256')
      .update([seed, ...of].join('\0'))
      .digest();
    this.#random = seededRandom(digest.readUInt32LE(0));
  }

  /** In [0, 1). */
  next(): number {
    return this.#random();
  }

  /** A whole number, both bounds included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  oneOf<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[Math.floor(this.next() * items.length)] ?? items[0];
  }

  /** One by its weight. @throws if no weight is above 0 */
  weighed<Item>(items: Iterable<readonly [Item, number]>): Item {
    const list = [...items].filter(([, weight]) => weight > 0);
    let left = this.next() * list.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [item, weight] of list) {
      left -= weight;
      if (left < 0) return item;
    }
    const last = list.at(-1);
    if (!last) throw new Error('nothing to draw from');
    return last[0];
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    return items
      .map((item) => ({ item, rank: this.next() }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ item }) => item);
  }
}
