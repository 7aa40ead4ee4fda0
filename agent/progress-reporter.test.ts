import { RequestRejectedError } from '../shared/client/errors.js';
import { type ProgressUpdate } from '../shared/lifecycle/progress.js';
import { type Progress } from '../shared/protocol/commands.js';
import { createLogger } from '../shared/runtime/logger.js';
import { InvalidProgressError, ProgressReporter } from './progress-reporter.js';

const logger = createLogger({ side: 'agent', level: 'silent' });
const a = { id: 'a', attempt: 1 };
const b = { id: 'b', attempt: 2 };

let calls: (readonly ProgressUpdate[])[];
let answer: (told: readonly ProgressUpdate[]) => Promise<[]>;
let teller: ProgressReporter;
beforeEach(() => {
  jest.useFakeTimers();
  calls = [];
  answer = () => Promise.resolve([]);
  const reportProgress = (told: readonly ProgressUpdate[]) => {
    calls.push(told);
    return answer(told);
  };
  teller = new ProgressReporter({ transport: { reportProgress }, intervalMs: 250, logger });
});
afterEach(() => jest.useRealTimers());

const told = () => calls.map((call) => call.map(({ id, progress }) => `${id} ${progress}`));

test('the first goes out at once, then the latest of each attempt, four times a second', async () => {
  for (let i = 0; i <= 1000; i++) teller.note(a, i);
  await jest.advanceTimersByTimeAsync(0);
  expect(told()).toEqual([['a 1000']]);
  for (let i = 0; i <= 1000; i++) {
    teller.note(a, i / 1000);
    teller.note(b, { done: i });
  }
  await jest.advanceTimersByTimeAsync(249);
  expect(calls).toHaveLength(1);
  await jest.advanceTimersByTimeAsync(1);
  expect(told()[1]).toEqual(['a 1', 'b {"done":1000}']);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(calls).toHaveLength(2);
});

test('each is later than those before, so that one on its way cannot replace it', async () => {
  for (let i = 0; i < 3; i++) {
    teller.note(a, i);
    await jest.advanceTimersByTimeAsync(250);
  }
  expect(calls.map(([one]) => one?.sequence)).toEqual([1, 2, 3]);
});

test('one call at a time, however long it takes', async () => {
  let arrive: () => void = () => undefined;
  answer = () => new Promise((resolve) => (arrive = () => resolve([])));
  teller.note(a, 1);
  await jest.advanceTimersByTimeAsync(0);
  teller.note(a, 2);
  await jest.advanceTimersByTimeAsync(60_000);
  expect(told()).toEqual([['a 1']]);
  arrive();
  await jest.advanceTimersByTimeAsync(250);
  expect(told()).toEqual([['a 1'], ['a 2']]);
});

test('a progress that could not be sent is sent again, unless there is a later one', async () => {
  answer = () => Promise.reject(new Error('away'));
  teller.note(a, 1);
  teller.note(b, 1);
  await jest.advanceTimersByTimeAsync(0);
  teller.note(a, 2);
  answer = () => Promise.resolve([]);
  await jest.advanceTimersByTimeAsync(250);
  expect(told()).toEqual([
    ['a 1', 'b 1'],
    ['a 2', 'b 1'],
  ]);
});

test('an attempt that ends has its last word at once, and no other', async () => {
  teller.note(a, 1);
  await jest.advanceTimersByTimeAsync(0);
  teller.note(a, 2);
  teller.end(a);
  expect(told()).toEqual([['a 1'], ['a 2']]);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(calls).toHaveLength(2);
});

test('an attempt that said nothing costs nothing', () => {
  teller.end(a);
  expect(calls).toEqual([]);
});

test('the progress of more attempts than fit into one call is sent in several', async () => {
  for (let i = 0; i < 150; i++) teller.note({ id: String(i), attempt: 1 }, i);
  await jest.advanceTimersByTimeAsync(250);
  expect(calls.map(({ length }) => length)).toEqual([100, 50]);
});

test('attempts that report progress all the time do not hold up the progress of others', async () => {
  const sayAll = () => {
    for (let i = 0; i < 150; i++) teller.note({ id: String(i), attempt: 1 }, i);
  };
  answer = () => {
    sayAll();
    return Promise.resolve([]);
  };
  sayAll();
  await jest.advanceTimersByTimeAsync(250);
  expect(calls).toHaveLength(2);
  expect(new Set(calls.flat().map(({ id }) => id)).size).toBe(150);
});

test('no more progress is sent of an attempt that ended during a call that failed', async () => {
  answer = () => Promise.reject(new Error('away'));
  teller.note(a, 1);
  await jest.advanceTimersByTimeAsync(0);
  teller.note(a, 2);
  answer = () => {
    teller.end(a);
    return Promise.reject(new Error('away'));
  };
  await jest.advanceTimersByTimeAsync(10_000);
  expect(told()).toEqual([['a 1'], ['a 2']]);
});

test.each([400, 413])(
  'a progress that a server refuses by %i is dropped, the others are sent',
  async (status) => {
    const taken: string[] = [];
    answer = (batch) => {
      if (batch.some(({ id }) => id === '2'))
        return Promise.reject(new RequestRejectedError('no', { status }));
      taken.push(...batch.map(({ id }) => id));
      return Promise.resolve([]);
    };
    for (let i = 0; i < 5; i++) teller.note({ id: String(i), attempt: 1 }, i);
    await jest.advanceTimersByTimeAsync(10_000);
    expect(taken).toEqual(['0', '1', '3', '4']);
    const callsOfIt = calls.filter((call) => call.some(({ id }) => id === '2'));
    expect(callsOfIt.map(({ length }) => length)).toEqual([5, 3, 1]);
  },
);

test('a refusal that is for none of them is not tried again for each', async () => {
  answer = () => Promise.reject(new RequestRejectedError('no', { status: 409 }));
  teller.note(a, 1);
  teller.note(b, 1);
  await jest.advanceTimersByTimeAsync(10_000);
  expect(told()).toEqual([['a 1', 'b 1']]);
});

const itself: { self?: unknown } = {};
itself.self = itself;
const nested = (levels: number): unknown[] => (levels === 1 ? [] : [nested(levels - 1)]);
const notJson = 'progress must be a number, or other JSON than null';
test.each<[string, unknown, string]>([
  ['too large', 'x'.repeat(1023), 'progress has 1025 bytes as JSON, and may have 1024'],
  ['too deep as JSON', { toJSON: () => nested(33) }, 'progress may be nested 32 levels deep'],
  ['too deep', nested(33), 'progress may be nested 32 levels deep'],
  ['null, which says that there is none', null, notJson],
  ['no number', NaN, notJson],
  ['without an end', Infinity, notJson],
  ['a BigInt', { done: 5n }, 'progress is no JSON (Do not know how to serialize a BigInt)'],
  ['a symbol', Symbol('s'), 'progress is no JSON'],
  [
    'what throws when it is read',
    {
      get done(): number {
        throw new Error('do not look');
      },
    },
    'progress is no JSON (do not look)',
  ],
  ['a function', () => 1, 'progress is no JSON'],
  ['nothing', undefined, 'progress is no JSON'],
  ['made of itself', itself, 'progress is no JSON (Converting circular structure to JSON)'],
])('refuses what is %s', (_, progress, message) => {
  const note = () => teller.note(a, progress as Progress);
  expect(note).toThrow(InvalidProgressError);
  expect(note).toThrow(message);
});

test.each([
  ['1 KiB', 'x'.repeat(1022)],
  ['32 levels', nested(32)],
  ['a key named __proto__', JSON.parse('{"__proto__":1}')],
])('takes %s', async (_, progress) => {
  teller.note(a, progress as Progress);
  await jest.advanceTimersByTimeAsync(0);
  expect(calls).toHaveLength(1);
});
