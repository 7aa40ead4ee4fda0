import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { type Moment } from '../shared/runtime/clock.js';
import { seededRandom } from '../testing/random.js';
import { repositoryRoot } from '../testing/processes.js';
import { HeldTableReader, HeldTableWriter, makeHeldTable } from './held-table.js';
import { type TrackedAttempt } from './lease-renewer-messages.js';

const idOf = (n: number) => `01a2035e-5cb7-7444-be00-${String(n).padStart(12, '0')}`;
const kept = (n: number, attempt = 1): TrackedAttempt => ({
  id: idOf(n),
  attempt,
  onAgentLost: n % 2 === 0 ? 'fail' : 'retry',
});
const at = (n: number): Moment => ({ monotonicMs: n + 0.5, wallMs: 1_796_000_000_000 + n });

/** Both sides of a table, and what the lease renewer's side knows after each look. */
function tableOf(places: number) {
  const memory = makeHeldTable(places);
  const [writer, reader] = [new HeldTableWriter(memory), new HeldTableReader(memory)];
  const known = new Map<number, [kept: TrackedAttempt, renewedAt: Moment]>();
  const said: string[] = [];
  const look = () => {
    said.length = 0;
    reader.look({
      onTaken: (place, one, renewedAt) => {
        known.set(place, [one, renewedAt]);
        said.push(`taken ${place}`);
      },
      onGone: (place) => {
        known.delete(place);
        said.push(`gone ${place}`);
      },
    });
    return [...said];
  };
  return { writer, look, known };
}

test('what one side puts the other one reads whole, once', () => {
  const { writer, look, known } = tableOf(8);
  expect(look()).toEqual([]);
  const place = writer.put(kept(1, 7), at(1));
  expect(place).toBe(0);
  expect(look()).toEqual(['taken 0']);
  expect([...known]).toEqual([[0, [kept(1, 7), at(1)]]]);
  expect(look()).toEqual([]);
});

test('what is removed is gone, and its place is used again', () => {
  const { writer, look, known } = tableOf(8);
  for (const n of [1, 2, 3]) writer.put(kept(n), at(n));
  look();
  writer.remove(1);
  expect(look()).toEqual(['gone 1']);
  expect(writer.put(kept(4), at(4))).toBe(1);
  expect(look()).toEqual(['taken 1']);
  expect([...known.values()].map(([{ id }]) => id).sort()).toEqual([1, 3, 4].map(idOf));
});

test('a place that has another attempt since the last look says both; one that came and went says nothing', () => {
  const { writer, look, known } = tableOf(8);
  writer.put(kept(1), at(1));
  look();
  writer.remove(0);
  writer.put(kept(2), at(2));
  expect(look()).toEqual(['gone 0', 'taken 0']);
  expect(known.get(0)).toEqual([kept(2), at(2)]);
  writer.put(kept(3), at(3));
  writer.remove(1);
  expect(look()).toEqual([]);
});

test.each<[string, string]>([
  ['is too long', 'x'.repeat(49)],
  ['is not ASCII', 'ü'],
  ['has a line break', 'a\nb'],
])('an id that %s has no place, and spoils none', (_, id) => {
  const { writer, look } = tableOf(8);
  expect(writer.put({ ...kept(1), id }, at(1))).toBeUndefined();
  expect(look()).toEqual([]);
  expect(writer.put({ ...kept(1), id: 'x'.repeat(48) }, at(1))).toBe(0);
});

test('a full table takes nothing more, until one is removed', () => {
  const { writer } = tableOf(2);
  expect([1, 2, 3].map((n) => writer.put(kept(n), at(n)))).toEqual([0, 1, undefined]);
  writer.remove(0);
  expect([4, 5].map((n) => writer.put(kept(n), at(n)))).toEqual([0, undefined]);
});

test('after any changes, both sides hold the same', () => {
  const random = seededRandom(7);
  const { writer, look, known } = tableOf(40);
  const held = new Map<number, TrackedAttempt>();
  for (let round = 0; round < 500; round++) {
    for (let changes = Math.floor(random() * 10); changes > 0; changes--) {
      const [some] = [...held.keys()].sort(() => random() - 0.5);
      if (some !== undefined && random() < 0.5) {
        writer.remove(some);
        held.delete(some);
      } else {
        const one = kept(round, changes);
        const place = writer.put(one, at(round));
        if (place === undefined) expect(held.size).toBe(40);
        else held.set(place, one);
      }
    }
    look();
    expect(new Map([...known].map(([place, [one]]) => [place, one]))).toEqual(held);
  }
});

test('a thread that writes all the time is never read in parts', async () => {
  const memory = makeHeldTable(4);
  // All of an attempt follows from its number, so that parts of two would show.
  const code = `
    const { HeldTableWriter } = require(${JSON.stringify(join(repositoryRoot, 'dist/agent/held-table.js'))});
    const { workerData: memory, parentPort } = require('node:worker_threads');
    const writer = new HeldTableWriter(memory);
    const places = [];
    for (let n = 1; n <= 300000; n++) {
      if (places.length === 4) writer.remove(places.shift());
      const id = String(n % 1000).padStart(3, '0').repeat(12);
      const onAgentLost = n % 2 === 0 ? 'fail' : 'retry';
      places.push(writer.put({ id, attempt: n % 1000, onAgentLost }, { monotonicMs: n, wallMs: 2 * n }));
    }
    parentPort.postMessage('done');
  `;
  const worker = new Worker(code, { eval: true, workerData: memory });
  const end = new AbortController();
  const done = once(worker, 'message').then(() => end.abort());
  const reader = new HeldTableReader(memory);
  const torn: string[] = [];
  let read = 0;
  const onTaken = (place: number, { id, attempt, onAgentLost }: TrackedAttempt, when: Moment) => {
    read++;
    const n = when.monotonicMs;
    const wanted = [
      String(n % 1000)
        .padStart(3, '0')
        .repeat(12),
      n % 1000,
      n % 2 === 0 ? 'fail' : 'retry',
      2 * n,
    ];
    const found = [id, attempt, onAgentLost, when.wallMs];
    if (wanted.join() !== found.join()) torn.push(`${place}: ${wanted.join()} / ${found.join()}`);
  };
  while (!end.signal.aborted) {
    for (let i = 0; i < 1000; i++) reader.look({ onTaken, onGone: () => undefined });
    await new Promise(setImmediate);
  }
  await done;
  await worker.terminate();
  expect(torn).toEqual([]);
  expect(read).toBeGreaterThan(10);
});
