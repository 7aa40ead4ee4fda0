import { Dice } from '../dice.js';
import { containerFaultKinds } from '../record.js';
import { cardsOf, Deck, kindOf } from './deck.js';

const ways = { killed: 3, restarted: 2, paused: 3, 'cut off': 3 };
const roles = { agent: 6, server: 2, Redis: 1 };

const drawn = (seed: number, count: number) => {
  const deck = new Deck(cardsOf(ways, roles), new Dice(seed, 'deck'));
  return Array.from({ length: count }, () => kindOf(deck.draw()));
};

it('deals the same faults for the same seed, and others for another', () => {
  expect(drawn(1, 50)).toEqual(drawn(1, 50));
  expect(drawn(2, 50)).not.toEqual(drawn(1, 50));
});

it('deals every kind, each as often as it weighs, before any of them comes too often', () => {
  const all = cardsOf(ways, roles).length;
  const times = (kind: string) => drawn(1, all).filter((one) => one === kind).length;
  expect(new Set(drawn(1, all))).toEqual(new Set(containerFaultKinds));
  expect(times('agent container killed')).toBe(18);
  expect(times('Redis container restarted')).toBe(2);
});

it('leaves out what weighs nothing', () => {
  const cards = cardsOf({ ...ways, paused: 0 }, { ...roles, Redis: 0 });
  expect(cards.some(({ way, role }) => way === 'paused' || role === 'Redis')).toBe(false);
  expect(() => cardsOf(ways, { agent: 0, server: 0, Redis: 0 })).toThrow('no fault to inject');
});
