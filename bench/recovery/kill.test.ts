import { type Hit } from '../../testing/ledger.js';
import { recoveredMs, whatFollowed } from './kill.js';

const hit = (commandId: string, attempt: number, atMs: number): Hit => ({
  order: 0,
  commandId,
  attempt,
  atMs,
  answer: { receipt: '', commandId, attempt },
  answeredMs: null,
});

test('recovery lasts until the later of the two, and counts what was executed again', () => {
  const hits = [hit('a', 1, 900), hit('b', 1, 900), hit('next', 1, 1500), hit('a', 2, 1600)];
  const killed = { atMs: 1000, settledAtMs: 1400, inFlight: ['a', 'b'], next: 'next' };
  const kill = whatFollowed(killed, hits);
  expect(kill).toEqual({ settledMs: 400, nextMs: 500, executedTwice: 1 });
  expect(recoveredMs(kill)).toBe(500);
});

test('what others executed does not count', () => {
  const killed = { atMs: 1000, settledAtMs: 1400, inFlight: ['a'], next: 'next' };
  const hits = [hit('a', 1, 900), hit('other', 1, 1), hit('other', 2, 2), hit('next', 1, 1100)];
  expect(whatFollowed(killed, hits).executedTwice).toBe(0);
});
