import {
  marker,
  onePending,
  oneRunning,
  pending,
  running,
  session,
  without,
} from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { type HeldAttempt, renew } from './attempt-leases.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const a: HeldAttempt = { id: 'a', attempt: 1 };
const ask = (held: HeldAttempt[] = [a], agentId = 'agent-1', of = session) =>
  renew(bench.redis, bench.keys, agentId, of, held);

const stream = oneRunning['commands:default'];
const renewed = {
  ...oneRunning,
  'commands:default': { ...stream, pending: [['1-1', 'agent-1', 'now']] },
} as const satisfies RedisState;

test('begins the lease anew, also when asked twice, and announces nothing', async () => {
  await bench.seed(oneRunning);
  expect(await ask()).toEqual(['ok']);
  expect(await bench.state()).toEqual(renewed);
  expect(await ask()).toEqual(['ok']);
  expect(await bench.state()).toEqual(renewed);
  expect(await bench.events()).toEqual([]);
});

test.each([
  ['recovery has claimed it', '~recovery'],
  ['a group that was made anew delivered it to another agent', 'agent-2'],
])('takes the entry back when %s', async (_, consumer) => {
  const claimed = { ...stream, pending: [['1-1', consumer, 'now-1000']] } as const;
  await bench.seed({ ...oneRunning, 'commands:default': claimed });
  expect(await ask()).toEqual(['ok']);
  expect(await bench.state()).toEqual(renewed);
});

test('leaves the delivery counter alone', async () => {
  await bench.seed(oneRunning);
  const counters = async () => {
    const rows = await bench.redis.xpending(bench.keys.stream('default'), 'agents', '-', '+', 10);
    return (rows as unknown[][]).map((row) => row[3]);
  };
  const before = await counters();
  await ask();
  expect(await counters()).toEqual(before);
});

test('is for a caller without a session too', async () => {
  await bench.seed({ ...oneRunning, 'exec:a': '1:agent-1:' });
  expect(await ask([a], 'agent-1', '')).toEqual(['ok']);
  expect(await bench.state()).toEqual({ ...renewed, 'exec:a': '1:agent-1:' });
});

test('goes on while another instance has the name: the attempt is still this one’s', async () => {
  await bench.seed({ ...oneRunning, 'session:agent-1': 'i2.1' });
  expect(await ask()).toEqual(['ok']);
  expect(await bench.state()).toEqual({ ...renewed, 'session:agent-1': 'i2.1' });
});

const retried = { ...running, onAgentLost: 'retry', losses: '1', executed: 'unknown' } as const;

test.each<[string, RedisState, Parameters<typeof ask>]>([
  ['another attempt', oneRunning, [[{ id: 'a', attempt: 2 }]]],
  ['an attempt whose number merely begins alike', oneRunning, [[{ id: 'a', attempt: 11 }]]],
  ['attempt 0', oneRunning, [[{ id: 'a', attempt: 0 }]]],
  ['another agent', oneRunning, [[a], 'agent-2']],
  ['an older session', oneRunning, [[a], 'agent-1', 'i1.0']],
  ['a newer session', oneRunning, [[a], 'agent-1', 'i1.2']],
  ['no session', oneRunning, [[a], 'agent-1', '']],
  [
    'another instance that took the name',
    { ...oneRunning, 'session:agent-1': 'i2.1' },
    [[a], 'agent-1', 'i2.1'],
  ],
])('says lost to %s', async (_, state, [held, agentId, of]) => {
  await bench.seed(state);
  expect(await ask(held, agentId, of)).toEqual(['lost']);
  expect(await bench.state()).toEqual(state);
});

test.each<[string, RedisState]>([
  ['before its start', onePending],
  [
    'after recovery, release or a failure put it back',
    { ...onePending, 'command:a': { ...retried, status: 'PENDING' } },
  ],
  [
    'after the next attempt began, be it the same agent’s',
    { ...oneRunning, 'command:a': { ...retried, attempt: '2' }, 'exec:a': `2:agent-1:${session}` },
  ],
  [
    'after it was declared lost',
    without({ ...oneRunning, 'command:a': { ...running, status: 'FAILED' } }, 'exec:a'),
  ],
  [
    'after its report',
    without({ ...oneRunning, 'command:a': { ...running, status: 'COMPLETED' } }, 'exec:a'),
  ],
  ['while its marker is gone', without(oneRunning, 'exec:a')],
  ['while a marker is set on a command that waits', { ...onePending, 'exec:a': marker }],
])('says lost when it arrives %s', async (_, state) => {
  await bench.seed(state);
  expect(await ask()).toEqual(['lost']);
  expect(await bench.state()).toEqual(state);
  expect(await bench.events()).toEqual([]);
});

test('says gone of a command that does not exist, or was pruned', async () => {
  await bench.seed({ 'exec:a': marker });
  expect(await ask()).toEqual(['gone']);
  expect(await bench.state()).toEqual({ 'exec:a': marker });
});

test.each<[string, RedisState]>([
  ['the hash is something else', { 'command:a': 'x' }],
  ['the hash has no queue', { 'command:a': { status: 'RUNNING' } }],
  ['the marker cannot be compared', { 'exec:a': { list: [marker] } }],
])('says broken when %s', async (_, keys) => {
  const state = { ...oneRunning, ...keys };
  await bench.seed(state);
  expect(await ask()).toEqual(['broken']);
  expect(await bench.state()).toEqual(state);
});

describe('an attempt whose entry was taken away is still at work, and the hash says since when:', () => {
  const state = (keys: RedisState): RedisState => ({ ...oneRunning, ...keys });
  const entryOf = (entry: string): RedisState => ({ 'command:a': { ...running, entry } });

  test.each<[string, RedisState]>([
    ['acknowledged by hand', state({ 'commands:default': { ...stream, pending: [] } })],
    ['the group is gone', state({ 'commands:default': { stream: stream.stream } })],
    ['the stream is gone', without(oneRunning, 'commands:default')],
    ['the stream is something else', state({ 'commands:default': 'x' })],
    ['the hash names another entry', state(entryOf('2-1'))],
    ['the hash names what is no entry', state(entryOf('1-x'))],
  ])('%s', async (_, state) => {
    await bench.seed(state);
    expect(await ask()).toEqual(['ok']);
    const command = state['command:a'] as object;
    const after = { ...state, 'command:a': { ...command, renewedAt: 'now' } };
    expect(await bench.state()).toEqual(after);
    expect(await ask()).toEqual(['ok']);
    expect(await bench.state()).toEqual(after);
  });

  test('the hash names none', async () => {
    await bench.seed(oneRunning);
    await bench.redis.hdel(bench.keys.command('a'), 'entry');
    expect(await ask()).toEqual(['ok']);
    expect(await bench.redis.hkeys(bench.keys.command('a'))).toContain('renewedAt');
  });

  test('deleted from the stream: the row that is left goes', async () => {
    await bench.seed(oneRunning);
    await bench.redis.xdel(bench.keys.stream('default'), '1-1');
    expect(await ask()).toEqual(['ok']);
    expect(await bench.state()).toEqual({
      ...oneRunning,
      'command:a': { ...running, renewedAt: 'now' },
      'commands:default': { stream: [], delivered: '1-1', pending: [] },
    });
  });
});

describe('a batch', () => {
  test('of attempts of which some are lost, gone and broken renews the others', async () => {
    await bench.seed({
      ...oneRunning,
      'command:lost': { ...pending, entry: '1-2' },
      'command:odd': 'x',
      'command:b': { ...running, queue: 'other' },
      'exec:b': marker,
      'commands:other': {
        stream: [['1-1', { id: 'b' }]],
        delivered: '1-1',
        pending: [['1-1', 'agent-1', 'now-5000']],
      },
    });
    const held = ['lost', 'a', 'gone', 'odd', 'b'].map((id) => ({ id, attempt: 1 }));
    expect(await ask(held)).toEqual(['lost', 'ok', 'gone', 'broken', 'ok']);
    expect(await bench.state()).toMatchObject({
      'commands:default': { pending: [['1-1', 'agent-1', 'now']] },
      'commands:other': { pending: [['1-1', 'agent-1', 'now']] },
    });
  });

  test('may name the same attempt twice', async () => {
    await bench.seed(oneRunning);
    expect(await ask([a, a])).toEqual(['ok', 'ok']);
    expect(await bench.state()).toEqual(renewed);
  });

  test('may be empty', async () => {
    await bench.seed(oneRunning);
    expect(await ask([])).toEqual([]);
    expect(await bench.state()).toEqual(oneRunning);
  });
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed(oneRunning);
  expect(await bench.whenFull(() => ask())).toEqual(['ok']);
  expect(await bench.state()).toEqual(renewed);
});
