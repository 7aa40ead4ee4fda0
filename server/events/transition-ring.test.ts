import { type Heard, TransitionRing } from './transition-ring.js';

const heard = (id: string): Heard => ({ id, status: 'RUNNING', attempt: 1, progress: null, atMs: 0 });

function ringOf(count: number, capacity: number): TransitionRing {
  const ring = new TransitionRing(capacity);
  for (let i = 1; i <= count; i++) ring.push(heard(`c${i}`));
  return ring;
}

const after = (ring: TransitionRing, position: number) =>
  [...ring.between(position, ring.end)].map(([at, item]) => `${at} ${item === 'gap' ? item : item.id}`);

test('gives what came after a position, in order and each with its own', () => {
  const ring = ringOf(3, 10);
  ring.push('gap');
  expect(after(ring, 0)).toEqual(['1 c1', '2 c2', '3 c3', '4 gap']);
  expect(after(ring, 2)).toEqual(['3 c3', '4 gap']);
  expect(after(ring, 4)).toEqual([]);
  expect([...ring.between(1, 2)].map(([at]) => at)).toEqual([2]);
});

test('keeps the last ones only, and knows how far back it reaches', () => {
  const ring = ringOf(25, 10);
  expect(ring.reaches(14)).toBe(false);
  expect(ring.reaches(15)).toBe(true);
  expect(after(ring, 15)).toEqual(Array.from({ length: 10 }, (_, i) => `${i + 16} c${i + 16}`));
});

test.each([0, 1, 9, 10, 11])('an id stands for its position, with %i in a ring of 10', (count) => {
  const ring = ringOf(count, 10);
  for (let position = Math.max(0, count - 10); position <= count; position++) {
    expect(ring.positionOf(ring.idOf(position))).toBe(position);
  }
});

test('an id stands for nothing when what came after it is gone, or it was never given', () => {
  const ring = ringOf(25, 10);
  const name = ring.idOf(0).split('-')[0] ?? '';
  const strangers = [
    ring.idOf(14),
    ring.idOf(26),
    ringOf(25, 10).idOf(20),
    `${name}-`,
    `${name}-+20`,
    `${name}-2e1`,
    `${name}-20 `,
    `${name}-${'9'.repeat(30)}`,
    '20',
    'nonsense',
    '',
  ];
  expect(strangers.filter((id) => ring.positionOf(id) !== undefined)).toEqual([]);
});
