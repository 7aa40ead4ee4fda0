import { Dice } from './dice.js';
import { drawOrder, type LoadOptions, ownType } from './load.js';

const draw = (options: LoadOptions) => {
  const dice = new Dice(1, 'orders', 1);
  return Array.from({ length: 2000 }, () => drawOrder(dice, options)).flatMap(({ commands }) => commands);
};
const load = { ledgerUrl: 'http://127.0.0.1:1234', hasOwnType: true };

test('a tenth of the load, at least, reports its progress, and has its effect in the ledger', () => {
  const commands = draw(load);
  const own = commands.filter(({ type }) => type === ownType);
  expect(own.length).toBeGreaterThan(commands.length / 10);
  expect(own.every(({ payload }) => JSON.stringify(payload).includes(load.ledgerUrl))).toBe(true);
});

test('agents that have not loaded that type are given none of it', () => {
  const types = draw({ ...load, hasOwnType: false }).map(({ type }) => type);
  expect(new Set(types)).toEqual(new Set(['HTTP_GET_JSON', 'DELAY']));
});

test('the same seed asks for the same, in the queues that are served', () => {
  const options: LoadOptions = { ...load, queues: ['one', 'other'] };
  const [first, second] = [draw(options), draw(options)];
  // A `runAt` is relative to the current time, so only its presence is compared.
  const drawn = (commands: typeof first) => commands.map(({ runAt, ...rest }) => [rest, runAt !== undefined]);
  expect(drawn(first)).toEqual(drawn(second));
  expect(new Set(first.map(({ queue }) => queue))).toEqual(new Set(['one', 'other']));
});
