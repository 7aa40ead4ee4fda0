import { type CommandView } from '../../shared/protocol/commands.js';
import { CommandWaiter } from './command-waiter.js';
import { type TransitionFeed, type TransitionListener } from './transition-feed.js';

/** A feed that a test speaks through. */
class FakeFeed {
  readonly listeners = new Map<string, Set<TransitionListener>>();

  listen(id: string, listener: TransitionListener): () => void {
    const set = this.listeners.get(id) ?? new Set();
    this.listeners.set(id, set.add(listener));
    return () => void set.delete(listener);
  }

  get size(): number {
    return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  say(id: string, status: 'RUNNING' | 'COMPLETED'): void {
    this.listeners.get(id)?.forEach((listener) => listener.onTransition({ id, status, attempt: 1 }));
  }

  gap(): void {
    this.listeners.forEach((set) => set.forEach((listener) => listener.onGap()));
  }
}

const view = (status: string) => ({ commandId: 'a', status }) as CommandView;
const never = new AbortController().signal;

let feed: FakeFeed;
let state: CommandView | undefined;
let reads: number;
let whenRead: () => void;
let waiter: CommandWaiter;
beforeEach(() => {
  feed = new FakeFeed();
  state = view('PENDING');
  reads = 0;
  whenRead = () => undefined;
  // A test that waits for the fallback would take as long as this.
  waiter = newWaiter(1_000_000);
});
afterEach(() => {
  expect({ listeners: feed.size, waiting: waiter.size }).toEqual({ listeners: 0, waiting: 0 });
});

function newWaiter(rereadMs: number): CommandWaiter {
  const read = () => {
    reads++;
    const result = Promise.resolve(state);
    whenRead();
    return result;
  };
  return new CommandWaiter({ read, feed: feed as unknown as TransitionFeed, rereadMs });
}

/** Resolves when `read` was called so many times in all. */
const readTimes = (times: number) =>
  new Promise<void>((resolve) => {
    whenRead = () => {
      if (reads >= times) setImmediate(resolve);
    };
    whenRead();
  });

test('answers at once what is terminal, what does not exist, and whoever does not wait', async () => {
  expect(await waiter.wait('a', 0, never)).toEqual(view('PENDING'));
  state = view('FAILED');
  expect(await waiter.wait('a', 60_000, never)).toEqual(state);
  state = undefined;
  expect(await waiter.wait('a', 60_000, never)).toBeUndefined();
});

test('answers when the feed says that it has ended, and not before', async () => {
  const waiting = waiter.wait('a', 60_000, never);
  await readTimes(1);
  feed.say('a', 'RUNNING');
  feed.say('b', 'COMPLETED');
  await new Promise(setImmediate);
  expect(reads).toBe(1);
  state = view('COMPLETED');
  feed.say('a', 'COMPLETED');
  expect(await waiting).toEqual(state);
});

test('an end between the first read and its answer is not missed', async () => {
  whenRead = () => {
    whenRead = () => undefined;
    state = view('COMPLETED');
    feed.say('a', 'COMPLETED');
  };
  expect(await waiter.wait('a', 60_000, never)).toEqual(view('COMPLETED'));
});

test('reads again after a gap in the feed', async () => {
  const waiting = waiter.wait('a', 60_000, never);
  await readTimes(1);
  state = view('COMPLETED');
  feed.gap();
  expect(await waiting).toEqual(state);
});

test('reads again now and then, should no message ever come', async () => {
  waiter = newWaiter(1);
  const waiting = waiter.wait('a', 60_000, never);
  await readTimes(5);
  state = view('COMPLETED');
  expect(await waiting).toEqual(state);
});

test('answers the present state when the time is up', async () => {
  expect(await waiter.wait('a', 20, never)).toEqual(view('PENDING'));
  expect(reads).toBeGreaterThan(1);
});

test('ends early for everybody when the server stops', async () => {
  const all = Promise.all([1, 2, 3].map(() => waiter.wait('a', 60_000, never)));
  await readTimes(3);
  waiter.end();
  expect(await all).toEqual([1, 2, 3].map(() => view('PENDING')));
  expect(await waiter.wait('a', 60_000, never)).toEqual(view('PENDING'));
});

test('lets go of a client that went away', async () => {
  const gone = new AbortController();
  const waiting = waiter.wait('a', 60_000, gone.signal);
  await readTimes(1);
  gone.abort();
  await waiting;
});

test('a read that fails ends the wait', async () => {
  const waiting = waiter.wait('a', 60_000, never);
  await readTimes(1);
  whenRead = () => {
    throw new Error('away');
  };
  feed.gap();
  await expect(waiting).rejects.toThrow('away');
});

test('a thousand may wait for the same command', async () => {
  const all = Promise.all(
    Array.from({ length: 1000 }, () => waiter.wait('a', 60_000, new AbortController().signal)),
  );
  await readTimes(1000);
  state = view('COMPLETED');
  feed.say('a', 'COMPLETED');
  expect(new Set(await all)).toEqual(new Set([state]));
});
