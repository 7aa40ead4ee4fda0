import {
  asAgent1,
  marker,
  newCommand,
  onePending,
  pending,
  running,
  session,
  startedA,
} from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { cancel, retry } from './cancel-and-retry.js';
import { release } from './attempt-leases.js';
import { abandon, pendingOf, recover, rescue } from './recovery.js';
import { expire, promote, report, start, type StartOptions, submit } from './transitions.js';

// The scripts treat a lane, which holds the commands of a queue whose type not every agent knows, like a queue.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const leaseMs = 60_000;
const ask = (options: Partial<StartOptions> = {}) =>
  start(bench.redis, bench.keys, { ...asAgent1, ...options });
const startedBy = async (options: Partial<StartOptions>) => {
  const reply = await ask(options);
  return reply.word === 'ok' ? reply.started.map(({ id }) => id) : reply.word;
};

const inLane = { ...pending, queue: 'default/DELAY', waitingFor: 'DELAY' } as const;
const lane = 'commands:default/DELAY';
const waiting = {
  ...onePending,
  'command:a': inLane,
  'commands:default': { stream: [], delivered: '0-0', pending: [] },
  [lane]: { stream: [['1-1', { id: 'a' }]], delivered: '0-0', pending: [] },
  'lanes:default': 'DELAY',
  queues: { set: ['default', 'default/DELAY'] },
} as const satisfies RedisState;
const runningInLane = {
  ...waiting,
  'command:a': { ...running, queue: 'default/DELAY' },
  [lane]: { stream: [['1-1', { id: 'a' }]], delivered: '1-1', pending: [['1-1', 'agent-1', 'now-5000']] },
  'exec:a': marker,
  counts: { RUNNING: '1' },
} as const satisfies RedisState;
/** Where whatever leaves its lane without having ended is found: before every agent that serves the queue. */
const atHome = {
  'command:a': { status: 'PENDING', queue: 'default', entry: 'new1' },
  'commands:default': { stream: [['new1', { id: 'a' }]] },
  [lane]: { stream: [] },
} as const satisfies RedisState;

const empty = { stream: [], delivered: '1-1', pending: [] } as const;

/** The calls that Redis carried out while `call` ran, by command. */
async function callsOf(call: () => Promise<unknown>): Promise<Record<string, number>> {
  await bench.redis.config('RESETSTAT');
  await call();
  const info = await bench.redis.info('commandstats');
  const calls = [...info.matchAll(/^cmdstat_([a-z]+):calls=(\d+)/gm)].map(
    ([, name = '', count]) => [name, Number(count)] as const,
  );
  return Object.fromEntries(
    calls.filter(([name]) => !['config', 'info', 'evalsha', 'eval', 'time'].includes(name)),
  );
}

describe('an agent', () => {
  test.each([
    ['knows its type', ['OTHER', 'DELAY']],
    ['takes every type', []],
  ])('that %s starts what waits in a lane, and is given the name of the queue alone', async (_, types) => {
    await bench.seed(waiting);
    const reply = await ask({ types });
    expect(reply).toMatchObject({ started: [{ ...startedA, entry: 'default/DELAY/1-1' }], more: false });
    expect(await bench.state()).toEqual({
      ...runningInLane,
      [lane]: { ...runningInLane[lane], pending: [['1-1', 'agent-1', 'now']] },
      'command:a': { ...runningInLane['command:a'], startedAt: 'now' },
      counts: { PENDING: '0', RUNNING: '1' },
    });
  });

  test('that does not know its type leaves it where it is, at no cost', async () => {
    await bench.seed(waiting);
    const withLane = await callsOf(() => ask({ types: ['OTHER'] }));
    const before = await bench.state();
    await bench.redis.del(bench.keys.lanes('default'));
    const without = await callsOf(() => ask({ types: ['OTHER'] }));
    expect(withLane).toEqual(without);
    expect(before).toMatchObject({ 'command:a': inLane });
  });

  test('takes from a lane before its queue, and from no lane of a later queue before an earlier one', async () => {
    const at = (queue: string, entry: string) => ({ ...pending, queue, entry });
    const stream = (entry: string, id: string) =>
      ({ stream: [[entry, { id }]], delivered: '0-0', pending: [] }) as const;
    await bench.seed({
      'command:a': at('default/DELAY', '1-1'),
      'command:b': at('default', '1-2'),
      'command:c': at('urgent', '1-3'),
      [lane]: stream('1-1', 'a'),
      'commands:default': stream('1-2', 'b'),
      'commands:urgent': stream('1-3', 'c'),
      'lanes:default': 'DELAY',
    });
    expect(await startedBy({ limit: 3, queues: ['urgent', 'default'], types: ['DELAY'] })).toEqual([
      'c',
      'a',
      'b',
    ]);
  });

  test('starts nothing from a lane of a paused queue, and goes on when it is resumed', async () => {
    await bench.seed({ ...waiting, paused: { default: 'now-1000' } });
    expect(await startedBy({})).toEqual([]);
    await bench.redis.del(bench.keys.paused);
    expect(await startedBy({})).toEqual(['a']);
  });

  test('is given again what it had started out of a lane, when the answer was lost', async () => {
    await bench.seed(runningInLane);
    expect(await startedBy({})).toEqual(['a']);
    expect(await startedBy({ inFlight: ['default/DELAY/1-1'], limit: 2 })).toEqual([]);
  });

  test('that dies after it moved one holds up no other agent', async () => {
    await bench.seed(onePending);
    expect(await startedBy({ agentId: 'dies', types: ['OTHER'] })).toEqual([]);
    expect(await startedBy({ types: ['DELAY'] })).toEqual(['a']);
  });
});

describe('a queue full of a type that an agent does not know', () => {
  const count = 250;
  const fill = async () => {
    await bench.seed({});
    // The group is made by the first who asks.
    await ask();
    const ids = Array.from({ length: count }, (_, i) => `u${String(i).padStart(3, '0')}`);
    const unknown = ids.map((id) => newCommand(id, { type: 'ODD' }));
    await submit(bench.redis, bench.keys, [...unknown, newCommand('known')], {
      notAfter: Number.MAX_SAFE_INTEGER,
      maxBacklog: 1000,
    });
    return ids;
  };

  test('is moved a hundred at a time, and what is behind them is started', async () => {
    const ids = await fill();
    const lengths: number[] = [];
    for (let calls = 0; calls < 3; calls++) {
      const reply = await ask({ types: ['DELAY'] });
      lengths.push(await bench.redis.xlen(bench.keys.stream('default/ODD')));
      const isLast = calls === 2;
      expect(reply).toMatchObject({ more: !isLast, started: isLast ? [{ id: 'known' }] : [] });
    }
    expect(lengths.map((length) => length <= 103 * 3)).toEqual([true, true, true]);
    expect(lengths[0]).toBeLessThanOrEqual(103);
    expect(lengths.at(-1)).toBe(count);
    // They start in their order, at an agent that knows their type.
    expect(await startedBy({ agentId: 'knows', types: ['ODD'], limit: count })).toEqual(ids);
  });
});

describe('what leaves a lane goes to its queue', () => {
  const moved = { ...atHome, counts: { PENDING: '1' } };

  test('when its agent hands it back', async () => {
    await bench.seed(runningInLane);
    const item = { queue: 'default', entry: '', id: 'a', attempt: 1 };
    expect(await release(bench.redis, bench.keys, 'agent-1', session, [item])).toEqual(['released']);
    expect(await bench.state()).toMatchObject(moved);
  });

  test('when it was delivered and not started, and its agent stops', async () => {
    const delivered = { ...waiting, [lane]: runningInLane[lane] };
    await bench.seed(delivered);
    const found = await pendingOf(bench.redis, bench.keys, 'agent-1', ['default']);
    expect(found).toEqual([{ queue: 'default/DELAY', entry: '1-1', id: 'a' }]);
    const items = found.map((one) => ({ ...one, attempt: 0 }));
    expect(await release(bench.redis, bench.keys, 'agent-1', session, items)).toEqual(['released']);
    expect(await bench.state()).toMatchObject(moved);
  });

  test('when its agent is lost, and it may be executed again', async () => {
    const lost = { ...runningInLane['command:a'], onAgentLost: 'retry' };
    const long = { ...runningInLane[lane], pending: [['1-1', 'agent-1', 'now-900000']] } as const;
    await bench.seed({ ...runningInLane, 'command:a': lost, [lane]: long });
    await recover(bench.redis, bench.keys, leaseMs);
    await bench.redis.hset(bench.keys.recovery, 'holdUntil', '0');
    const { resolved } = await recover(bench.redis, bench.keys, leaseMs);
    expect(resolved).toMatchObject([{ word: 'requeued', queue: 'default/DELAY' }]);
    expect(await bench.state()).toMatchObject({
      ...moved,
      'command:a': { ...atHome['command:a'], losses: '1' },
    });
  });

  test('when its agent is back, and says that it lost it', async () => {
    const lost = { ...runningInLane['command:a'], onAgentLost: 'retry' };
    await bench.seed({ ...runningInLane, 'command:a': lost, 'session:agent-1': 'i1.2' });
    await abandon(bench.redis, bench.keys, 'agent-1', 'i1.2');
    expect(await bench.state()).toMatchObject(moved);
  });

  test('when it is tried again after a pause, also if a script of the version before scheduled it', async () => {
    const scheduled = { ...inLane, entry: '', runAt: 'now-1000' };
    await bench.seed({
      ...waiting,
      'command:a': scheduled,
      [lane]: empty,
      scheduled: { zset: [['a', 'now-1000']] },
    });
    await promote(bench.redis, bench.keys, 10);
    expect(await bench.state()).toMatchObject(atHome);
    await bench.seed({ ...runningInLane, 'command:a': { ...runningInLane['command:a'], maxAttempts: '2' } });
    const failure = {
      status: 'FAILED',
      code: 'EXECUTION_FAILED',
      message: 'x',
      executed: 'yes',
      retryable: true,
      pauseMs: 9,
    } as const;
    await report(bench.redis, bench.keys, [
      { id: 'a', agentId: 'agent-1', session, attempt: 1, outcome: failure },
    ]);
    expect(await bench.state()).toMatchObject({
      'command:a': { status: 'PENDING', queue: 'default', entry: '' },
      [lane]: { stream: [] },
    });
  });

  test('when an operator retries it', async () => {
    const failed = { ...inLane, status: 'FAILED', finishedAt: '1000' };
    await bench.seed({ ...waiting, 'command:a': failed, [lane]: empty, counts: { FAILED: '1' } });
    expect(await retry(bench.redis, bench.keys, [{ id: 'a', finishedAt: '1000' }])).toEqual(['retried']);
    expect(await bench.state()).toMatchObject({ ...moved, 'command:a': atHome['command:a'] });
  });

  test.each<[string, RedisState]>([
    ['its lane was deleted', { [lane]: empty }],
    ['its lane was taken out of the set of queues', { queues: { set: ['default'] } }],
  ])('when %s', async (_, keys) => {
    await bench.seed({ ...waiting, ...keys });
    await rescue(bench.redis, bench.keys, leaseMs, [{ id: 'a', entry: '1-1' }]);
    await bench.redis.hset(bench.keys.recovery, 'holdUntil', '0');
    expect(await rescue(bench.redis, bench.keys, leaseMs, [{ id: 'a', entry: '1-1' }])).toEqual(['requeued']);
    expect(await bench.state()).toMatchObject(moved);
  });

  test('never, while it runs: a lane that was taken out of the set of queues is entered there again', async () => {
    await bench.seed({ ...runningInLane, queues: { set: ['default'] } });
    await rescue(bench.redis, bench.keys, leaseMs, [{ id: 'a', entry: '1-1' }]);
    await bench.redis.hset(bench.keys.recovery, 'holdUntil', '0');
    expect(await rescue(bench.redis, bench.keys, leaseMs, [{ id: 'a', entry: '1-1' }])).toEqual(['moot']);
    expect(await bench.state()).toMatchObject(runningInLane);
  });
});

describe('a command in a lane', () => {
  test('ends as UNSUPPORTED_TYPE when it expires', async () => {
    const late = { ...inLane, expiresAt: 'now-1000' };
    await bench.seed({ ...waiting, 'command:a': late, expiring: { zset: [['a', 'now-1000']] } });
    await expire(bench.redis, bench.keys, 10);
    expect(await bench.state()).toMatchObject({
      'command:a': { status: 'FAILED', error: { code: 'UNSUPPORTED_TYPE' } },
      [lane]: { stream: [] },
    });
  });

  test('can be cancelled', async () => {
    await bench.seed(waiting);
    await cancel(bench.redis, bench.keys, [{ id: 'a', attempt: 0, retried: '' }]);
    expect(await bench.state()).toMatchObject({ 'command:a': { status: 'FAILED' }, [lane]: { stream: [] } });
  });

  test('is not missed by rescue', async () => {
    await bench.seed(waiting);
    await rescue(bench.redis, bench.keys, leaseMs, []);
    await bench.redis.hset(bench.keys.recovery, 'holdUntil', '0');
    expect(await rescue(bench.redis, bench.keys, leaseMs, [{ id: 'a', entry: '1-1' }])).toEqual(['moot']);
  });
});

describe('recovery', () => {
  const looksTwice = async () => {
    // The first look holds off for a lease.
    await recover(bench.redis, bench.keys, leaseMs);
    await bench.redis.hset(bench.keys.recovery, 'holdUntil', '0');
    await recover(bench.redis, bench.keys, leaseMs);
    const state = (await bench.state()) as Record<string, unknown>;
    delete state.recovery;
    return state;
  };

  test('retires a lane that is empty, and no other', async () => {
    const others = { 'lanes:default': 'EMPTY DELAY', 'commands:default/EMPTY': empty };
    await bench.seed({
      ...waiting,
      ...others,
      queues: { set: ['default', 'default/DELAY', 'default/EMPTY'] },
    });
    expect(await looksTwice()).toEqual(waiting);
  });

  test('leaves no list behind that is empty', async () => {
    await bench.seed({
      [lane]: empty,
      'lanes:default': 'DELAY',
      queues: { set: ['default', 'default/DELAY'] },
    });
    expect(await looksTwice()).toEqual({ queues: { set: ['default'] } });
  });

  test('does not retire a lane out of which something runs', async () => {
    await bench.seed(runningInLane);
    expect(await looksTwice()).toEqual(runningInLane);
  });

  test.each<[string, RedisState]>([
    ['was deleted', {}],
    ['lacks it', { 'lanes:default': 'OTHER' }],
    ['is something else', { 'lanes:default': { set: ['x'] } }],
  ])('enters a lane again in a list that %s', async (_, keys) => {
    const { 'lanes:default': list, ...rest } = waiting;
    await bench.seed({ ...rest, ...keys });
    const after = await looksTwice();
    expect(after['lanes:default']).toEqual(keys['lanes:default'] === 'OTHER' ? 'OTHER DELAY' : list);
    expect(await startedBy({ types: ['DELAY'] })).toEqual(['a']);
  });
});
