import {
  emptied,
  marker,
  onePending,
  oneRunning,
  pending,
  running,
  session,
  without,
} from '../../testing/command-fixtures.js';
import { type HashState, type RedisState, type Value } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { rescue, type RescueWord } from './recovery.js';

// Commands whose entry, or whose place in `scheduled`, was deleted by hand.

let bench: ScriptBench;
let pulse: HashState;
beforeAll(async () => {
  bench = await ScriptBench.start();
  const runId = /run_id:(\w+)/.exec(await bench.redis.info('server'))?.[1] ?? '';
  // A pulse without a gap: nothing is held off.
  pulse = {
    runId,
    lastTick: 'now',
    holdUntil: 'now-60000',
    leaseMs: '60000',
    leaseUsedAt: 'now',
    holdOffs: '0',
  };
});
afterAll(() => bench.stop());

const leaseMs = 60_000;
const seed = (state: RedisState) => bench.seed({ ...state, recovery: pulse });
const call = (entry = '1-1', lease = leaseMs) => rescue(bench.redis, bench.keys, lease, [{ id: 'a', entry }]);
const all = (state: RedisState): RedisState => ({ ...state, recovery: pulse });

const unnamed = { ...onePending, 'commands:default': emptied } as const satisfies RedisState;
const unnamedRunning = { ...oneRunning, 'commands:default': emptied } as const satisfies RedisState;
const oneUnnamed = (fields: HashState): RedisState => ({
  ...unnamedRunning,
  'command:a': { ...running, ...fields },
});
const waiting = { ...pending, entry: '', runAt: 'now+60000' } as const;
const unscheduled = {
  ...onePending,
  'command:a': waiting,
  'commands:default': emptied,
} as const satisfies RedisState;
const backOnStream = { stream: [['new1', { id: 'a' }]], delivered: '1-1', pending: [] } as const;

const putBack = (more: HashState = {}): RedisState => ({
  ...onePending,
  'command:a': { ...pending, entry: 'new1', ...more },
  'commands:default': backOnStream,
});
const ended = (message = 'agent-1 vanished during attempt 1', more: HashState = {}): RedisState => ({
  ...without(unnamedRunning, 'exec:a'),
  'command:a': {
    ...running,
    status: 'FAILED',
    losses: '1',
    executed: 'unknown',
    error: { code: 'AGENT_LOST', message },
    finishedAt: 'now',
    ...more,
  },
  counts: { RUNNING: '0', FAILED: '1' },
  'index:failed': { zset: [['a', '1']] },
});
/** The order of names in the script's JSON is not fixed. */
const vanished = expect.stringMatching(
  /^\{(?=.*"code":"AGENT_LOST")(?=.*"message":"agent-1 vanished").*\}$/,
) as string;
const retried = (more: HashState = {}): RedisState => ({
  ...onePending,
  'command:a': {
    ...running,
    status: 'PENDING',
    onAgentLost: 'retry',
    losses: '1',
    executed: 'unknown',
    entry: 'new1',
    ...more,
  },
  'commands:default': backOnStream,
  counts: { PENDING: '1', RUNNING: '0' },
  'history:a': {
    list: [
      {
        why: 'lost',
        at: 'now',
        attempt: 1,
        agentId: 'agent-1',
        session,
        status: null,
        result: null,
        error: vanished,
      },
    ],
  },
});

describe('a PENDING command', () => {
  test('whose entry was deleted gets a new one', async () => {
    await seed(unnamed);
    expect(await call()).toEqual(['requeued']);
    expect(await bench.state()).toEqual(all(putBack()));
    expect(await bench.events()).toEqual([['a PENDING 0']]);
  });

  test('whose stream was deleted gets the stream back too', async () => {
    await seed(without(unnamed, 'commands:default'));
    expect(await call()).toEqual(['requeued']);
    expect(await bench.state()).toEqual(
      all({ ...putBack(), 'commands:default': { stream: [['new1', { id: 'a' }]] } }),
    );
  });

  test('keeps what it knows, and the time at which it expires', async () => {
    const more = { attempt: '2', losses: '1', executed: 'yes', expiresAt: 'now+60000' };
    await seed({ ...unnamed, 'command:a': { ...pending, ...more } });
    expect(await call()).toEqual(['requeued']);
    expect(await bench.state()).toEqual({ ...all(putBack(more)), expiring: { zset: [['a', 'now+60000']] } });
  });

  test('that waits for its time gets its place in scheduled back, and does not start early', async () => {
    await seed(unscheduled);
    expect(await call('')).toEqual(['requeued']);
    const after = all({ ...unscheduled, scheduled: { zset: [['a', 'now+60000']] } });
    expect(await bench.state()).toEqual(after);
    expect(await call('')).toEqual(['moot']);
    expect(await bench.state()).toEqual(after);
  });

  test('whose time has come gets an entry', async () => {
    await seed({ ...unscheduled, 'command:a': { ...waiting, runAt: 'now-1000' } });
    expect(await call('')).toEqual(['requeued']);
    expect(await bench.state()).toEqual(all(putBack({ runAt: 'now-1000' })));
  });

  test.each<[string, Value]>([
    ['a string', marker],
    ['something else', { list: ['x'] }],
  ])('is given back although another program set a marker, %s, which goes', async (_, value) => {
    await seed({ ...unnamed, 'exec:a': value });
    expect(await call()).toEqual(['requeued']);
    expect(await bench.state()).toEqual(all(putBack()));
  });

  test.each(['', '1-x', 'x'])('whose hash names what is no entry, %p, gets one', async (entry) => {
    await seed({ ...unnamed, 'command:a': { ...pending, entry } });
    expect(await call(entry)).toEqual(['requeued']);
    expect(await bench.state()).toEqual(all(putBack()));
  });

  test('whose hash has lost its entry gets one', async () => {
    await seed(unnamed);
    await bench.redis.hdel(bench.keys.command('a'), 'entry');
    expect(await call('')).toEqual(['requeued']);
    expect(await bench.state()).toEqual(all(putBack()));
  });
});

describe('a RUNNING command that no agent renews', () => {
  test('ends as AGENT_LOST', async () => {
    await seed(unnamedRunning);
    expect(await call()).toEqual(['lost']);
    expect(await bench.state()).toEqual(all(ended()));
    expect(await bench.events()).toEqual([['a FAILED 1']]);
  });

  test('goes back for another attempt if it says so, and its history says why', async () => {
    await seed(oneUnnamed({ onAgentLost: 'retry' }));
    expect(await call()).toEqual(['requeued']);
    expect(await bench.state()).toEqual(all(retried()));
    expect(await bench.events()).toEqual([['a PENDING 1']]);
  });

  test('ends at maxLosses, and what was executed stays so', async () => {
    const fields = { onAgentLost: 'retry', losses: '2', executed: 'yes' };
    await seed(oneUnnamed(fields));
    expect(await call()).toEqual(['lost']);
    expect(await bench.state()).toEqual(
      all(ended('agent-1 vanished during attempt 1, the last of 3 losses', { ...fields, losses: '3' })),
    );
  });

  test.each<[string, RescueWord, string]>([
    ['renewed longer ago than a lease', 'lost', 'now-60001'],
    ['renewed by a clock that was set back since', 'lost', 'now+3600000'],
    // Five seconds of room for a slow machine.
    ['renewed within a lease', 'moot', 'now-55000'],
    ['renewed just now', 'moot', 'now'],
  ])('%s: %s', async (_, word, renewedAt) => {
    const state = oneUnnamed({ renewedAt });
    await seed(state);
    expect(await call()).toEqual([word]);
    expect(await bench.state()).toEqual(all(word === 'lost' ? ended(undefined, { renewedAt }) : state));
  });

  test('for as long as the longest lease that is in use', async () => {
    const state = oneUnnamed({ renewedAt: 'now-30000' });
    await seed(state);
    expect(await call('1-1', 6000)).toEqual(['moot']);
    expect(await bench.state()).toEqual(all(state));
  });

  test('is lost too when its stream was deleted, or its marker', async () => {
    await seed(without(without(unnamedRunning, 'commands:default'), 'exec:a'));
    expect(await call()).toEqual(['lost']);
    expect(await bench.state()).toEqual(all(without(ended(), 'commands:default')));
  });
});

test.each<[string, RedisState, RedisState]>([
  ['PENDING', unnamed, putBack()],
  ['RUNNING, fail', unnamedRunning, ended()],
  ['RUNNING, retry', oneUnnamed({ onAgentLost: 'retry' }), retried()],
])('the same call sent twice changes nothing the second time: %s', async (_, before, after) => {
  await seed(before);
  await call();
  await bench.events();
  expect(await call()).toEqual(['moot']);
  expect(await bench.state()).toEqual(all(after));
  expect(await bench.events()).toEqual([]);
});

describe('nothing is done', () => {
  test.each<[string, RedisState, string]>([
    ['while its entry waits in the stream', onePending, '1-1'],
    ['while its entry is pending', oneRunning, '1-1'],
    ['while it is scheduled', { ...unscheduled, scheduled: { zset: [['a', 'now+60000']] } }, ''],
    ['when it has another entry by now', { ...unnamed, 'command:a': { ...pending, entry: '2-1' } }, '1-1'],
    ['when the next attempt began meanwhile', oneUnnamed({ attempt: '2', entry: '2-1' }), '1-1'],
    ['when it has an entry by now', unnamed, ''],
    ['when it waits for its time by now', unscheduled, '1-1'],
    ['when it is COMPLETED', oneUnnamed({ status: 'COMPLETED' }), '1-1'],
    ['when it is FAILED', oneUnnamed({ status: 'FAILED' }), '1-1'],
  ])('%s', async (_, state, entry) => {
    await seed(state);
    expect(await call(entry)).toEqual(['moot']);
    expect(await bench.state()).toEqual(all(state));
    expect(await bench.events()).toEqual([]);
  });

  test('while the row of a deleted entry is still pending: recovery drops it first', async () => {
    await seed(oneRunning);
    await bench.redis.xdel(bench.keys.stream('default'), '1-1');
    const before = await bench.state();
    expect(await call()).toEqual(['moot']);
    expect(await bench.state()).toEqual(before);
  });

  test('when it does not exist, or was pruned', async () => {
    const state = without(unnamed, 'command:a');
    await seed(state);
    expect(await call()).toEqual(['gone']);
    expect(await bench.state()).toEqual(all(state));
  });
});

describe('while recovery holds off', () => {
  test.each<[string, HashState, HashState]>([
    ['for an outage before', { holdUntil: 'now+5000' }, {}],
    [
      'for an outage that this call is the first to see',
      { lastTick: 'now-20000' },
      { holdUntil: 'now+60000', holdOffs: '1' },
    ],
    [
      'for a restart that this call is the first to see',
      { runId: 'x' },
      { holdUntil: 'now+60000', holdOffs: '1' },
    ],
  ])('nothing is resolved: %s', async (_, before, after) => {
    await bench.seed({ ...unnamedRunning, recovery: { ...pulse, ...before } });
    expect(await call()).toEqual(['hold']);
    expect(await bench.state()).toEqual({
      ...unnamedRunning,
      recovery: { ...pulse, ...before, lastTick: 'now', runId: pulse.runId ?? '', ...after },
    });
    expect(await bench.events()).toEqual([]);
  });

  test('after the first pulse of all too, or one that is something else', async () => {
    for (const keys of [{}, { recovery: 'x' }]) {
      await bench.seed({ ...unnamed, ...keys });
      expect(await call()).toEqual(['hold']);
      expect(await bench.state()).toEqual({ ...unnamed, recovery: { ...pulse, holdUntil: 'now+60000' } });
    }
  });
});

describe('broken, and left as it is, where', () => {
  test.each<[string, RedisState, string]>([
    ['the hash is something else', { ...unnamed, 'command:a': 'x' }, '1-1'],
    ['a number in the hash is none', { ...unnamed, 'command:a': { ...pending, runAt: 'x' } }, '1-1'],
    ['the hash has no queue', { ...unnamed, 'command:a': { status: 'PENDING' } }, ''],
    ['its stream is something else', { ...unnamed, 'commands:default': 'x' }, '1-1'],
    ['its stream is something else while it runs', { ...unnamedRunning, 'commands:default': 'x' }, '1-1'],
    ['scheduled is something else', { ...unscheduled, scheduled: 'x' }, ''],
    [
      'its expiry has no place',
      { ...unnamed, 'command:a': { ...pending, expiresAt: 'now+60000' }, expiring: 'x' },
      '1-1',
    ],
    [
      'its expiry has no place while it runs',
      { ...oneUnnamed({ onAgentLost: 'retry', expiresAt: 'now+60000' }), expiring: 'x' },
      '1-1',
    ],
  ])('%s', async (_, state, entry) => {
    await seed(state);
    expect(await call(entry)).toEqual(['broken']);
    expect(await bench.state()).toEqual(all(state));
    expect(await bench.events()).toEqual([]);
  });
});

test.each<[string, RedisState]>([
  ['counts', { counts: 'x' }],
  ['scheduled', { scheduled: 'x' }],
  ['expiring', { expiring: 'x' }],
  ['index:failed', { 'index:failed': 'x' }],
  ['history', { 'history:a': 'x' }],
])('is not kept from it by %s of a foreign kind', async (_, keys) => {
  await seed({ ...unnamedRunning, ...keys });
  expect(await call()).toEqual(['lost']);
  expect(await bench.state()).toEqual(all({ ...ended(), ...keys }));
  await seed({ ...oneUnnamed({ onAgentLost: 'retry' }), ...keys });
  expect(await call()).toEqual(['requeued']);
  expect(await bench.state()).toEqual(all({ ...retried(), ...keys }));
});

test('a batch resolves what it may, counts it exactly, and announces it in one message', async () => {
  await seed({
    'command:a': pending,
    'command:b': { ...running, entry: '1-2' },
    'command:c': { ...running, entry: '1-3', onAgentLost: 'retry' },
    'command:d': { ...pending, entry: '1-4' },
    'command:odd': 'x',
    'exec:b': marker,
    'exec:c': marker,
    'commands:default': { stream: [['1-4', { id: 'd' }]], delivered: '1-3', pending: [] },
    counts: { PENDING: '2', RUNNING: '2' },
  });
  const suspects = [
    ['gone', '1-9'],
    ['a', '1-1'],
    ['odd', '1-9'],
    ['b', '1-2'],
    ['c', '1-3'],
    ['d', '1-4'],
    ['a', '1-1'],
  ].map(([id = '', entry = '']) => ({ id, entry }));
  expect(await rescue(bench.redis, bench.keys, leaseMs, suspects)).toEqual([
    'gone',
    'requeued',
    'broken',
    'lost',
    'requeued',
    'moot',
    'moot',
  ]);
  expect(await bench.state()).toMatchObject({
    'commands:default': {
      stream: [
        ['1-4', { id: 'd' }],
        ['new1', { id: 'a' }],
        ['new2', { id: 'c' }],
      ],
    },
    counts: { PENDING: '3', RUNNING: '0', FAILED: '1' },
  });
  expect(await bench.events()).toEqual([['a PENDING 0', 'b FAILED 1', 'c PENDING 1']]);
});

test('works when Redis is full and has lost its scripts', async () => {
  await seed(unnamed);
  expect(await bench.whenFull(() => call())).toEqual(['requeued']);
  expect(await bench.state()).toEqual(all(putBack()));
  await seed(unnamedRunning);
  expect(await bench.whenFull(() => call())).toEqual(['lost']);
  expect(await bench.state()).toEqual(all(ended()));
});
