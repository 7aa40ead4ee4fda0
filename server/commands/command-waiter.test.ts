import { type CommandView } from '../../shared/protocol/commands.js';
import { CommandWaiter, type CommandWaiterOptions } from './command-waiter.js';
import { RedisUnavailable } from '../redis/redis-fault.js';
import { type TransitionListener } from '../events/transition-feed.js';

/** A feed through which a test sends. */
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
    this.listeners
      .get(id)
      ?.forEach((listener) => listener.onTransition({ id, status, attempt: 1, progress: null }));
  }

  gap(): void {
    this.listeners.forEach((set) => set.forEach((listener) => listener.onGap()));
  }
}

const view = (status: string) => ({ commandId: 'a', status }) as CommandView;
const never = new AbortController().signal;

let feed: FakeFeed;
let state: CommandView | undefined;
let reads: { all: number; status: number };
let whenRead: () => void;
let waiter: CommandWaiter;
beforeEach(() => {
  feed = new FakeFeed();
  state = view('PENDING');
  reads = { all: 0, status: 0 };
  whenRead = () => undefined;
  // A test that waits for the fallback would take as long as this.
  waiter = newWaiter({ rereadMs: 1_000_000 });
});
afterEach(() => {
  expect({ listeners: feed.size, waiting: waiter.size }).toEqual({ listeners: 0, waiting: 0 });
});

function newWaiter(options: Pick<CommandWaiterOptions, 'rereadMs'>): CommandWaiter {
  // The read rejects with the error that `whenRead` throws.
  const read = async (which: keyof typeof reads) => {
    await Promise.resolve();
    reads[which]++;
    const result = state;
    whenRead();
    return result;
  };
  return new CommandWaiter({
    read: () => read('all'),
    readStatus: async () => (await read('status'))?.status ?? null,
    feed,
    ...options,
  });
}

/** Resolves once the command was read so many times in all. */
const readTimes = (times: number) =>
  new Promise<void>((resolve) => {
    whenRead = () => {
      if (reads.all + reads.status >= times) setImmediate(resolve);
    };
    whenRead();
  });

test('answers at once for a command that is terminal or does not exist, and without a wait', async () => {
  expect(await waiter.wait('a', 0, never)).toEqual(view('PENDING'));
  state = view('FAILED');
  expect(await waiter.wait('a', 60_000, never)).toEqual(state);
  state = undefined;
  expect(await waiter.wait('a', 60_000, never)).toBeUndefined();
  expect(reads).toEqual({ all: 3, status: 0 });
});

test('answers when the feed says that it has ended, and not before', async () => {
  const waiting = waiter.wait('a', 60_000, never);
  await readTimes(1);
  feed.say('a', 'RUNNING');
  feed.say('b', 'COMPLETED');
  await new Promise(setImmediate);
  expect(reads).toEqual({ all: 1, status: 0 });
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

test('an end between a later read and its answer is not missed', async () => {
  const waiting = waiter.wait('a', 60_000, never);
  await readTimes(1);
  whenRead = () => {
    whenRead = () => undefined;
    state = view('COMPLETED');
    feed.say('a', 'COMPLETED');
  };
  feed.gap();
  expect(await waiting).toEqual(view('COMPLETED'));
  // Once at the gap, when it had not ended yet, and once at the hint.
  expect(reads.status).toBe(2);
});

test('a hint that came too early ends no wait', async () => {
  const waiting = waiter.wait('a', 60_000, never);
  await readTimes(1);
  feed.say('a', 'COMPLETED');
  await readTimes(2);
  expect(waiter.size).toBe(1);
  state = view('FAILED');
  feed.say('a', 'COMPLETED');
  expect(await waiting).toEqual(state);
});

test('reads again after a gap in the feed', async () => {
  const waiting = waiter.wait('a', 60_000, never);
  await readTimes(1);
  state = view('COMPLETED');
  feed.gap();
  expect(await waiting).toEqual(state);
});

test('reads again now and then, should no message ever come: the status only', async () => {
  waiter = newWaiter({ rereadMs: 1 });
  const waiting = waiter.wait('a', 60_000, never);
  await readTimes(5);
  expect(reads.all).toBe(1);
  state = view('COMPLETED');
  expect(await waiting).toEqual(state);
  expect(reads.all).toBe(2);
});

test('answers the present state when the time is up', async () => {
  expect(await waiter.wait('a', 20, never)).toEqual(view('PENDING'));
  expect(reads.all).toBe(2);
});

test('ends early for every client when the server stops', async () => {
  const all = Promise.all([1, 2, 3].map(() => waiter.wait('a', 60_000, never)));
  await readTimes(3);
  waiter.end();
  expect(await all).toEqual([1, 2, 3].map(() => view('PENDING')));
  expect(await waiter.wait('a', 60_000, never)).toEqual(view('PENDING'));
});

test('lets go of a client that went away, and reads nothing more for it', async () => {
  const gone = new AbortController();
  const waiting = waiter.wait('a', 60_000, gone.signal);
  await readTimes(1);
  gone.abort();
  await waiting;
  expect(reads.all).toBe(1);
});

describe('when Redis goes away', () => {
  const away = () => {
    throw new RedisUnavailable('away');
  };

  test('a client that does not wait is refused at once', async () => {
    whenRead = away;
    await expect(waiter.wait('a', 0, never)).rejects.toThrow('away');
    expect(reads).toEqual({ all: 1, status: 0 });
  });

  test('a client that has only just come is answered when it is back', async () => {
    waiter = newWaiter({ rereadMs: 1 });
    const asked = new Promise<void>((resolve) => {
      whenRead = () => {
        if (reads.all === 3) setImmediate(resolve);
        away();
      };
    });
    const waiting = waiter.wait('a', 3600_000, never);
    await asked;
    whenRead = () => undefined;
    state = view('COMPLETED');
    expect(await waiting).toEqual(state);
  });

  test('a client that has only just come is refused when the server stops', async () => {
    whenRead = away;
    const waiting = waiter.wait('a', 3600_000, never);
    waiter.end();
    await expect(waiting).rejects.toThrow('away');
  });

  test('a client that waits already goes on waiting, and is answered when it is back', async () => {
    const waiting = waiter.wait('a', 60_000, never);
    await readTimes(1);
    const asked = new Promise<void>((resolve) => {
      whenRead = () => {
        setImmediate(resolve);
        away();
      };
    });
    feed.gap();
    await asked;
    whenRead = () => undefined;
    state = view('COMPLETED');
    feed.gap();
    expect(await waiting).toEqual(state);
  });

  test('a client that waits is refused at the end of its wait when it does not come back', async () => {
    waiter = newWaiter({ rereadMs: 1 });
    const waiting = waiter.wait('a', 50, never);
    whenRead = away;
    await expect(waiting).rejects.toThrow('away');
    expect(reads.all).toBeGreaterThan(1);
  });

  test('a short outage now and then is no long one', async () => {
    waiter = newWaiter({ rereadMs: 1 });
    const waiting = waiter.wait('a', 60_000, never);
    await readTimes(1);
    let isAway = false;
    const asked = new Promise<void>((resolve) => {
      whenRead = () => {
        if (reads.status > 20) setImmediate(resolve);
        isAway = !isAway;
        if (isAway) away();
      };
    });
    await asked;
    whenRead = () => undefined;
    state = view('COMPLETED');
    expect(await waiting).toEqual(state);
  });
});

test('another fault of a read ends the wait', async () => {
  const waiting = waiter.wait('a', 60_000, never);
  await readTimes(1);
  whenRead = () => {
    throw new Error('broken');
  };
  feed.gap();
  await expect(waiting).rejects.toThrow('broken');
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

test('the more clients wait, the less often each of them reads', async () => {
  // Faked, because the real clock of a busy machine runs on while two thousand are set up.
  jest.useFakeTimers();
  try {
    waiter = newWaiter({ rereadMs: 1000 });
    const all = Promise.all(
      Array.from({ length: 2000 }, () => waiter.wait('a', 60_000, new AbortController().signal)),
    );
    await jest.advanceTimersByTimeAsync(1900);
    expect(reads).toEqual({ all: 2000, status: 0 });
    await jest.advanceTimersByTimeAsync(8100);
    // A thousand per second, ten seconds long.
    expect(reads.status).toBe(10_000);
    waiter.end();
    await jest.advanceTimersByTimeAsync(1);
    await all;
  } finally {
    jest.useRealTimers();
  }
});
