import {
  marker,
  onePending,
  oneRunning,
  pending,
  running,
  session,
  without,
} from '../../testing/command-fixtures.js';
import { type HashState, type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { release, type Release } from './attempt-leases.js';
import { pendingOf } from './recovery.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const unstarted: Release = { queue: 'default', entry: '1-1', id: 'a', attempt: 0 };
const started: Release = { ...unstarted, attempt: 1 };
const give = (items: Release[], agentId = 'agent-1', of = session) =>
  release(bench.redis, bench.keys, agentId, of, items);

const held = [['1-1', 'agent-1', 'now-5000']] as const;
const delivered = {
  ...onePending,
  'commands:default': { stream: [['1-1', { id: 'a' }]], delivered: '1-1', pending: held },
} as const satisfies RedisState;
const backOnStream = { stream: [['new1', { id: 'a' }]], delivered: '1-1', pending: [] } as const;

const afterUnstarted = {
  ...onePending,
  'command:a': { ...pending, entry: 'new1' },
  'commands:default': backOnStream,
} as const satisfies RedisState;
const afterStarted = {
  ...onePending,
  'command:a': { ...running, status: 'PENDING', entry: 'new1' },
  'commands:default': backOnStream,
  counts: { PENDING: '1', RUNNING: '0' },
} as const satisfies RedisState;

const ways = [
  ['not started', unstarted, delivered, afterUnstarted, [['a PENDING 0']]],
  ['started', started, oneRunning, afterStarted, [['a PENDING 1']]],
] as const satisfies [string, Release, RedisState, RedisState, string[][]][];

describe.each(ways)('a command that was %s', (_, item, before, after, events) => {
  test('goes back on its stream with a new entry, at no loss', async () => {
    await bench.seed(before);
    expect(await give([item])).toEqual(['released']);
    expect(await bench.state()).toEqual(after);
    expect(await bench.events()).toEqual(events);
  });

  test('is released once: the same call again is refused', async () => {
    await bench.seed(before);
    await give([item]);
    await bench.events();
    expect(await give([item])).toEqual(['refused']);
    expect(await bench.state()).toEqual(after);
    expect(await bench.events()).toEqual([]);
  });

  test('is released once in a batch that names it twice', async () => {
    await bench.seed(before);
    expect(await give([item, item])).toEqual(['released', 'refused']);
    expect(await bench.state()).toEqual(after);
    expect(await bench.events()).toEqual(events);
  });

  test('keeps the time at which it expires, and what it knows of earlier attempts', async () => {
    const more = { expiresAt: 'now+60000', losses: '1', failures: '2', executed: 'yes' };
    await bench.seed({ ...before, 'command:a': { ...before['command:a'], ...more } });
    expect(await give([item])).toEqual(['released']);
    expect(await bench.state()).toEqual({
      ...after,
      'command:a': { ...after['command:a'], ...more },
      expiring: { zset: [['a', 'now+60000']] },
    });
  });

  test('works when Redis is full and has lost its scripts', async () => {
    await bench.seed(before);
    expect(await bench.whenFull(() => give([item]))).toEqual(['released']);
    expect(await bench.state()).toEqual(after);
  });

  test.each<[string, RedisState]>([
    ['the hash is something else', { 'command:a': 'x' }],
    ['a number in the hash is none', { 'command:a': { ...before['command:a'], attempt: 'x' } }],
    [
      'a number in the hash is too long to compute with',
      { 'command:a': { ...before['command:a'], expiresAt: '9'.repeat(400) } },
    ],
    ['the stream is something else', { 'commands:default': 'x' }],
    [
      'its expiry has no place',
      { 'command:a': { ...before['command:a'], expiresAt: 'now+60000' }, expiring: 'x' },
    ],
  ])('is broken, and stays as it is, when %s', async (_, keys) => {
    const state = { ...before, ...keys };
    await bench.seed(state);
    expect(await give([item])).toEqual(['broken']);
    expect(await bench.state()).toEqual(state);
    expect(await bench.events()).toEqual([]);
  });

  test('is broken, and stays as it is, when the stream takes no more entries', async () => {
    const last = '18446744073709551615-18446744073709551615';
    const stream = [
      ['1-1', { id: 'a' }],
      [last, { x: 'y' }],
    ] as const;
    const state = { ...before, 'commands:default': { ...before['commands:default'], stream } };
    await bench.seed(state);
    expect(await give([item])).toEqual(['broken']);
    expect(await bench.state()).toMatchObject({ ...state, 'commands:default': { pending: held } });
    expect(await bench.events()).toEqual([]);
  });

  test('is gone when it does not exist, or was pruned', async () => {
    const state = without(before, 'command:a');
    await bench.seed(state);
    expect(await give([item])).toEqual(['gone']);
    expect(await bench.state()).toEqual(state);
  });
});

const commandIs = (fields: HashState): RedisState => ({ 'command:a': fields });
const pendingUnder = (consumer: string): RedisState => ({
  'commands:default': { ...delivered['commands:default'], pending: [['1-1', consumer, 'now-5000']] },
});

describe('what was not started is refused', () => {
  test.each<[string, RedisState, Partial<Release>]>([
    ['when it was started meanwhile', oneRunning, {}],
    ['when a marker is set', { ...delivered, 'exec:a': marker }, {}],
    ['when a marker is no string', { ...delivered, 'exec:a': { list: ['x'] } }, {}],
    ['when it was never delivered', onePending, {}],
    ['when it was delivered to another agent', { ...delivered, ...pendingUnder('agent-2') }, {}],
    ['when recovery has it', { ...delivered, ...pendingUnder('~recovery') }, {}],
    ['when it has a newer entry', { ...delivered, ...commandIs({ ...pending, entry: '2-1' }) }, {}],
    ['when it waits in scheduled', { ...delivered, ...commandIs({ ...pending, entry: '' }) }, { entry: '' }],
    ['when it waits in another queue', { ...delivered, ...commandIs({ ...pending, queue: 'other' }) }, {}],
    ['when another queue is named', delivered, { queue: 'other' }],
    ['when another entry is named', delivered, { entry: '1-2' }],
    [
      'when what is named is no entry',
      { ...delivered, ...commandIs({ ...pending, entry: '1-x' }) },
      { entry: '1-x' },
    ],
    ['when it is COMPLETED', { ...delivered, ...commandIs({ ...running, status: 'COMPLETED' }) }, {}],
    ['when it is FAILED', { ...delivered, ...commandIs({ ...running, status: 'FAILED' }) }, {}],
    ['when the stream is gone', without(delivered, 'commands:default'), {}],
    ['when the group is gone', { ...delivered, 'commands:default': { stream: [['1-1', { id: 'a' }]] } }, {}],
  ])('%s', async (_, state, more) => {
    await bench.seed(state);
    expect(await give([{ ...unstarted, ...more }])).toEqual(['refused']);
    expect(await bench.state()).toEqual(state);
    expect(await bench.events()).toEqual([]);
  });
});

describe('what was started is refused', () => {
  const second = {
    ...running,
    attempt: '2',
    onAgentLost: 'retry',
    losses: '1',
    executed: 'unknown',
  } as const;
  test.each<[string, RedisState, Partial<Release> & { agentId?: string; of?: string }]>([
    ['to another agent', oneRunning, { agentId: 'agent-2' }],
    ['to an older session', oneRunning, { of: 'i1.0' }],
    ['to a newer session', oneRunning, { of: 'i1.2' }],
    ['to another instance that took the name', { ...oneRunning, 'session:agent-1': 'i2.1' }, { of: 'i2.1' }],
    ['by another attempt', oneRunning, { attempt: 2 }],
    ['by an attempt whose number merely begins alike', oneRunning, { attempt: 11 }],
    [
      'after recovery put it back',
      { ...onePending, 'command:a': { ...second, status: 'PENDING', entry: '1-1' } },
      {},
    ],
    [
      'after the next attempt began',
      { ...oneRunning, 'command:a': second, 'exec:a': `2:agent-1:${session}` },
      {},
    ],
    [
      'after its report',
      { ...without(oneRunning, 'exec:a'), 'command:a': { ...running, status: 'COMPLETED' } },
      {},
    ],
    [
      'after it was declared lost',
      { ...without(oneRunning, 'exec:a'), 'command:a': { ...running, status: 'FAILED' } },
      {},
    ],
    ['while its marker is gone', without(oneRunning, 'exec:a'), {}],
    ['while its marker is no string', { ...oneRunning, 'exec:a': { list: [marker] } }, {}],
    ['while a marker is set on a command that waits', { ...delivered, 'exec:a': marker }, {}],
  ])('%s', async (_, state, { agentId, of, ...more }) => {
    await bench.seed(state);
    expect(await give([{ ...started, ...more }], agentId, of)).toEqual(['refused']);
    expect(await bench.state()).toEqual(state);
    expect(await bench.events()).toEqual([]);
  });
});

test('what was started is released by its marker, wherever its entry is', async () => {
  await bench.seed({ ...oneRunning, ...pendingUnder('~recovery') });
  expect(await give([{ ...started, queue: 'x', entry: 'x' }])).toEqual(['released']);
  expect(await bench.state()).toEqual(afterStarted);
});

test('what was started without its stream being left makes the stream anew', async () => {
  await bench.seed(without(oneRunning, 'commands:default'));
  expect(await give([started])).toEqual(['released']);
  expect(await bench.state()).toEqual({
    ...afterStarted,
    'commands:default': { stream: [['new1', { id: 'a' }]] },
  });
});

test('a batch releases what it may, counts it exactly, and announces it in one message', async () => {
  await bench.seed({
    'command:a': pending,
    'command:b': { ...running, entry: '1-2' },
    'command:c': { ...running, entry: '1-3' },
    'command:odd': 'x',
    'exec:b': marker,
    'exec:c': `1:agent-2:i2.1`,
    'commands:default': {
      stream: ['a', 'b', 'c'].map((id, i) => [`1-${i + 1}`, { id }] as const),
      delivered: '1-3',
      pending: ['agent-1', 'agent-1', 'agent-2'].map((name, i) => [`1-${i + 1}`, name, 'now-5000'] as const),
    },
    counts: { PENDING: '1', RUNNING: '2' },
  });
  const items = [
    { ...unstarted, id: 'gone' },
    unstarted,
    { ...started, id: 'odd' },
    { ...started, id: 'b', entry: '1-2' },
    { ...started, id: 'c', entry: '1-3' },
  ];
  expect(await give(items)).toEqual(['gone', 'released', 'broken', 'released', 'refused']);
  expect(await bench.state()).toMatchObject({
    'command:c': { status: 'RUNNING' },
    'commands:default': {
      stream: [
        ['1-3', { id: 'c' }],
        ['new1', { id: 'a' }],
        ['new2', { id: 'b' }],
      ],
      pending: [['1-3', 'agent-2', 'now-5000']],
    },
    counts: { PENDING: '2', RUNNING: '1' },
  });
  expect(await bench.events()).toEqual([['a PENDING 0', 'b PENDING 1']]);
});

describe('what an agent has to hand back, by pendingOf,', () => {
  const ask = (...queues: string[]) => pendingOf(bench.redis, bench.keys, 'agent-1', queues);

  test('is what is pending under its name, in its queues, oldest first', async () => {
    await bench.seed({
      ...delivered,
      'commands:other': {
        stream: [['1-1', { id: 'b' }]],
        delivered: '1-1',
        pending: [['1-1', 'agent-2', 'now']],
      },
    });
    expect(await ask('default', 'other')).toEqual([{ queue: 'default', entry: '1-1', id: 'a' }]);
  });

  test('may be more than a page', async () => {
    const entries = Array.from({ length: 250 }, (_, i) => `1-${i + 1}`);
    await bench.seed({
      'commands:default': {
        stream: entries.map((entry) => [entry, { id: entry }] as const),
        delivered: '1-250',
        pending: entries.map((entry) => [entry, 'agent-1', 'now'] as const),
      },
    });
    expect((await ask('default')).map(({ id }) => id)).toEqual(entries);
  });

  test('is nothing of queues without a stream or a group, nor of deleted entries', async () => {
    await bench.seed({ ...delivered, 'commands:young': { stream: [['1-1', { id: 'b' }]] } });
    await bench.redis.xdel(bench.keys.stream('default'), '1-1');
    expect(await ask('young', 'none', 'default')).toEqual([]);
  });
});
