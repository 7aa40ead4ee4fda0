import { type Dice } from '../dice.js';
import { type ContainerFaultKind } from '../record.js';
import { type Role } from './stack.js';

/** How a container is hurt. */
export type Way = 'killed' | 'restarted' | 'paused' | 'cut off';

export interface Card {
  readonly way: Way;
  readonly role: Role;
}

export type Weights<Name extends string> = Readonly<Record<Name, number>>;

export const kindOf = ({ role, way }: Card): ContainerFaultKind => `${role} container ${way}`;

/** Returns each kind as often as its weight. @throws Error when all weights are 0 */
export function cardsOf(ways: Weights<Way>, roles: Weights<Role>): Card[] {
  const of = <Name extends string>(weights: Weights<Name>) => Object.entries(weights) as [Name, number][];
  const cards = of(roles).flatMap(([role, times]) =>
    of(ways).flatMap(([way, weight]) => Array.from({ length: times * weight }, () => ({ role, way }))),
  );
  if (cards.length === 0) throw new Error('every share is 0: there is no fault to inject');
  return cards;
}

/**
 * Draws the next fault, by a seed: from a shuffled deck in which each kind occurs as often as its weight, and
 * then from another one. With independent draws, rare kinds could stay out of a whole run.
 */
export class Deck {
  readonly #cards: readonly Card[];
  readonly #dice: Dice;
  #left: Card[] = [];

  constructor(cards: readonly Card[], dice: Dice) {
    this.#cards = cards;
    this.#dice = dice;
  }

  draw(): Card {
    if (this.#left.length === 0) this.#left = this.#dice.shuffled(this.#cards);
    const card = this.#left.pop();
    if (!card) throw new Error('the deck is empty');
    return card;
  }
}
