import { seededRandom } from '../../testing/random.js';
import { drawOrder, namesOf, servedQueuesSchema } from './served-queues.js';

const parse = (...items: string[]) => servedQueuesSchema.safeParse(items);
const faultsIn = (...items: string[]) => parse(...items).error?.issues.map(({ message }) => message);

test.each([
  [['a', 'b'], { queues: ['a', 'b'] }],
  [['a:6', 'b:3'], { queues: ['a', 'b'], weights: [6, 3] }],
  [['a.b-c_d:1000'], { queues: ['a.b-c_d'], weights: [1000] }],
  [[], { queues: [] }],
])('%j is read, and can be written again', (items, served) => {
  const { data } = parse(...items);
  expect(data).toEqual(served);
  expect(data && namesOf(data)).toEqual(items);
});

const weightOf = (queue: string) => `the weight of ${queue} must be a whole number from 1 to 1000`;
test.each([
  [['a:0'], [weightOf('a')]],
  [
    ['a:x', 'b:-1'],
    [weightOf('a'), weightOf('b')],
  ],
  [['a:'], [weightOf('a')]],
  [['a:1.5'], [weightOf('a')]],
  [['a:1001'], [weightOf('a')]],
  [['a:1:2'], [weightOf('a')]],
  [
    ['a:6', 'b', 'c:1', 'd'],
    ['gives a weight to some queues and none to b, d: give one to each, or to none'],
  ],
  [['a', 'b', 'a'], ['names a queue twice']],
  [['a:1', 'a:2'], ['names a queue twice']],
  [[':6'], [expect.stringMatching(/^a queue name is 1 to 64/)]],
  [['a b'], [expect.stringMatching(/^a queue name is 1 to 64/)]],
  [Array.from({ length: 101 }, (_, i) => `q${i}`), ['names more than 100 queues']],
])('%j is refused, and why', (items, faults) => {
  expect(faultsIn(...items)).toEqual(faults);
});

test('without weights the order is the one that was given, always', () => {
  const queues = ['c', 'a', 'b'];
  const random = () => {
    throw new Error('no dice are needed for that');
  };
  expect(drawOrder({ queues }, random)).toEqual(queues);
});

test('every order has each queue once, whatever the dice', () => {
  const served = { queues: ['a', 'b', 'c'], weights: [1, 1000, 1] };
  for (const roll of [0, 1e-300, 0.5, 1 - 2 ** -53]) {
    expect(drawOrder(served, () => roll).sort()).toEqual(['a', 'b', 'c']);
  }
});

test('weights decide how often a queue comes first, and who follows it', () => {
  const random = seededRandom(1);
  const served = { queues: ['a', 'b', 'c'], weights: [6, 3, 1] };
  const [draws, orders] = [100_000, new Map<string, number>()];
  for (let i = 0; i < draws; i++) {
    const order = drawOrder(served, random).join('');
    orders.set(order, (orders.get(order) ?? 0) + 1);
  }
  // The seed decides every roll, so this cannot fail now and then. First a with 6/10; then, of the
  // other two, b with 3/4.
  const share = (order: string) => (orders.get(order) ?? 0) / draws;
  expect(share('abc')).toBeCloseTo((6 / 10) * (3 / 4), 2);
  expect(share('acb')).toBeCloseTo((6 / 10) * (1 / 4), 2);
  expect(share('bac')).toBeCloseTo((3 / 10) * (6 / 7), 2);
  expect(share('bca')).toBeCloseTo((3 / 10) * (1 / 7), 2);
  expect(share('cab')).toBeCloseTo((1 / 10) * (6 / 9), 2);
  expect(share('cba')).toBeCloseTo((1 / 10) * (3 / 9), 2);
});
