import {
  completed,
  emptied,
  marker,
  onePending,
  oneRunning,
  pending,
  reportOf,
  running,
  without,
} from '../../testing/command-fixtures.js';
import { type HashState, type RedisState, type Value } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { abandon, type Resolved } from './recovery.js';
import { report, start } from './transitions.js';

// agent-1 has booted again as i1.2, and settles what i1.1 left.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const session = 'i1.2';
const call = (of = session) => abandon(bench.redis, bench.keys, 'agent-1', of);
const said = (word: Resolved['word'], more: Partial<Resolved> = {}): Resolved => ({
  word,
  queue: 'default',
  entry: '1-1',
  id: 'a',
  attempt: 1,
  ...more,
});

const admitted = { 'session:agent-1': session } as const;
const stream = oneRunning['commands:default'];
const left = { ...oneRunning, ...admitted } as const satisfies RedisState;
const unstarted = { ...onePending, ...admitted, 'commands:default': stream } as const satisfies RedisState;
const oneLeft = (fields: HashState): RedisState => ({ ...left, 'command:a': { ...running, ...fields } });
const backOnStream = { stream: [['new1', { id: 'a' }]], delivered: '1-1', pending: [] } as const;

const putBack = (more: HashState = {}): RedisState => ({
  ...unstarted,
  'command:a': { ...pending, entry: 'new1', ...more },
  'commands:default': backOnStream,
});
const ended = (message = 'agent-1 vanished during attempt 1', more: HashState = {}): RedisState => ({
  ...without(left, 'exec:a'),
  'command:a': {
    ...running,
    status: 'FAILED',
    losses: '1',
    executed: 'unknown',
    error: { code: 'AGENT_LOST', message },
    finishedAt: 'now',
    ...more,
  },
  'commands:default': emptied,
  counts: { RUNNING: '0', FAILED: '1' },
  'index:failed': { zset: [['a', '1']] },
});
/** The order of names in the script's JSON is not fixed. */
const vanished = expect.stringMatching(
  /^\{(?=.*"code":"AGENT_LOST")(?=.*"message":"agent-1 vanished").*\}$/,
) as string;
const retried = (more: HashState = {}, of = 'i1.1'): RedisState => ({
  ...unstarted,
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
        session: of,
        status: null,
        result: null,
        error: vanished,
      },
    ],
  },
});

describe('a session with a random part', () => {
  const [dead, alive, mine] = [
    'i1.1.raaaaaaaaaaaaaaaa',
    'i1.1.rbbbbbbbbbbbbbbbb',
    'i1.2.rcccccccccccccccc',
  ] as const;
  const by = (session: string) =>
    ({ ...left, 'exec:a': `1:agent-1:${session}`, 'session:agent-1': mine }) as const;
  const settle = (earlier: readonly string[]) => abandon(bench.redis, bench.keys, 'agent-1', mine, earlier);

  test.each([
    ['a run that is proved dead', dead, [alive, dead], 'lost'],
    ['a run that is not, of the same instance and a lower boot', alive, [dead], 'moot'],
    ['a session of an earlier version, of the same instance and a lower boot', 'i1.1', [dead], 'moot'],
    ['a session of an earlier version that is proved dead', 'i1.1', ['i1.1'], 'lost'],
    ['itself, whatever it says', mine, [mine], 'moot'],
  ])('settles, or leaves to its lease, what belongs to %s', async (_, session, earlier, word) => {
    await bench.seed(by(session));
    expect(await settle(earlier)).toEqual([said(word as Resolved['word'])]);
    const status = await bench.redis.hget(bench.keys.command('a'), 'status');
    expect(status).toBe(word === 'lost' ? 'FAILED' : 'RUNNING');
  });

  test('is not settled by one without, which cannot have proved it dead', async () => {
    await bench.seed({ ...by(dead), 'session:agent-1': session });
    expect(await call()).toEqual([said('moot')]);
  });
});

describe('what an earlier session left', () => {
  test('and had not started goes back, at no loss', async () => {
    await bench.seed({ ...unstarted, 'command:a': { ...pending, attempt: '2', expiresAt: 'now+60000' } });
    expect(await call()).toEqual([said('requeued', { attempt: 2 })]);
    expect(await bench.state()).toEqual({
      ...putBack({ attempt: '2', expiresAt: 'now+60000' }),
      expiring: { zset: [['a', 'now+60000']] },
    });
    expect(await bench.events()).toEqual([['a PENDING 2']]);
  });

  test('and was executing ends as AGENT_LOST, at once', async () => {
    await bench.seed(left);
    expect(await call()).toEqual([said('lost')]);
    expect(await bench.state()).toEqual(ended());
    expect(await bench.events()).toEqual([['a FAILED 1']]);
  });

  test('and was executing goes back if the command says so', async () => {
    await bench.seed(oneLeft({ onAgentLost: 'retry' }));
    expect(await call()).toEqual([said('requeued')]);
    expect(await bench.state()).toEqual(retried());
    expect(await bench.events()).toEqual([['a PENDING 1']]);
  });

  test.each<[string, HashState, string | undefined]>([
    ['below maxLosses', { losses: '1' }, undefined],
    ['at maxLosses', { losses: '2' }, ', the last of 3 losses'],
    ['at maxLosses of its own', { maxLosses: '1' }, ', the last of 1 losses'],
  ])('is judged by its losses: %s', async (_, fields, last) => {
    const all = { onAgentLost: 'retry', ...fields };
    const losses = String(Number(fields.losses ?? 0) + 1);
    await bench.seed(oneLeft(all));
    expect(await call()).toEqual([said(last === undefined ? 'requeued' : 'lost')]);
    expect(await bench.state()).toEqual(
      last === undefined
        ? retried({ ...all, losses })
        : ended(`agent-1 vanished during attempt 1${last}`, { ...all, losses }),
    );
  });

  test.each([
    ['no', 'unknown'],
    ['yes', 'yes'],
  ])('has executed raised from %s to %s', async (before, after) => {
    await bench.seed(oneLeft({ executed: before }));
    await call();
    expect(await bench.state()).toEqual(ended(undefined, { executed: after }));
  });

  test('may be of any earlier boot, by number', async () => {
    await bench.seed({
      ...oneLeft({ onAgentLost: 'retry' }),
      'session:agent-1': 'i1.10',
      'exec:a': '1:agent-1:i1.9',
    });
    expect(await call('i1.10')).toEqual([said('requeued')]);
    expect(await bench.state()).toEqual({ ...retried({}, 'i1.9'), 'session:agent-1': 'i1.10' });
  });

  test('is settled without regard to its lease, nor to a hold-off', async () => {
    const recovery = { holdUntil: 'now+60000' };
    const fresh = { ...stream, pending: [['1-1', 'agent-1', 'now']] } as const;
    await bench.seed({ ...left, recovery, 'commands:default': fresh });
    expect(await call()).toEqual([said('lost')]);
    expect(await bench.state()).toEqual({ ...ended(), recovery });
  });
});

test.each<[string, RedisState, RedisState]>([
  ['not started', unstarted, putBack()],
  ['fail', left, ended()],
  ['retry', oneLeft({ onAgentLost: 'retry' }), retried()],
])('a call that arrives twice finds nothing the second time: %s', async (_, before, after) => {
  await bench.seed(before);
  await call();
  await bench.events();
  expect(await call()).toEqual([]);
  expect(await bench.state()).toEqual(after);
  expect(await bench.events()).toEqual([]);
});

describe('a call of a session that is not the newest does nothing:', () => {
  test.each<[string, RedisState, string]>([
    ['a newer one was admitted', left, 'i1.1'],
    ['another instance took the name', { ...left, 'session:agent-1': 'i2.1' }, session],
    ['it was not admitted yet', left, 'i1.3'],
    ['none was', without(left, 'session:agent-1'), session],
    ['the key is something else', { ...left, 'session:agent-1': { list: [session] } }, session],
    ['none is named', left, ''],
  ])('%s', async (_, state, of) => {
    await bench.seed(state);
    expect(await call(of)).toBe('old-session');
    expect(await bench.state()).toEqual(state);
    expect(await bench.events()).toEqual([]);
  });
});

describe('what is not this session’s to settle waits for its lease:', () => {
  const other = { ...running, attempt: '2' };
  test.each<[string, RedisState, number]>([
    ['it executes it itself, when the call arrives late', { ...left, 'exec:a': '1:agent-1:i1.2' }, 1],
    ['a later session executes it', { ...left, 'exec:a': '1:agent-1:i1.3' }, 1],
    ['another instance executes it, alive maybe', { ...left, 'exec:a': '1:agent-1:i2.1' }, 1],
    ['an instance whose name merely begins alike', { ...left, 'exec:a': '1:agent-1:i1.1.1' }, 1],
    ['another agent executes it', { ...left, 'exec:a': '1:agent-2:i1.1' }, 1],
    ['an agent whose name merely begins alike', { ...left, 'exec:a': '1:agent-11:i1.1' }, 1],
    ['a session without a boot', { ...left, 'exec:a': '1:agent-1:i1' }, 1],
    ['a caller without a session', { ...left, 'exec:a': '1:agent-1:' }, 1],
    ['the marker is of another attempt', { ...left, 'command:a': other }, 2],
    ['the marker is gone', without(left, 'exec:a'), 1],
    ['the marker is no string', { ...left, 'exec:a': { list: [marker] } }, 1],
    ['the marker says nothing', { ...left, 'exec:a': 'x' }, 1],
    ['a marker is set on a command that waits', { ...unstarted, 'exec:a': marker }, 0],
    ['a marker that is no string is', { ...unstarted, 'exec:a': { list: ['x'] } }, 0],
  ])('%s', async (_, state, attempt) => {
    await bench.seed(state);
    expect(await call()).toEqual([said('moot', { attempt })]);
    expect(await bench.state()).toEqual(state);
    expect(await bench.events()).toEqual([]);
  });

  test('the session has no boot, so that none is earlier', async () => {
    const state = { ...left, 'session:agent-1': 'x', 'exec:a': '1:agent-1:w' };
    await bench.seed(state);
    expect(await call('x')).toEqual([said('moot')]);
    expect(await bench.state()).toEqual(state);
  });

  test.each([
    ['another agent’s', 'agent-2'],
    ['recovery’s', '~recovery'],
  ])('the entry is %s by now', async (_, consumer) => {
    const state = {
      ...left,
      'commands:default': { ...stream, pending: [['1-1', consumer, 'now-5000']] as const },
    };
    await bench.seed(state);
    expect(await call()).toEqual([]);
    expect(await bench.state()).toEqual(state);
  });
});

describe('a call that arrives late', () => {
  test('after the next attempt began leaves that alone', async () => {
    await bench.seed(oneLeft({ onAgentLost: 'retry' }));
    await call();
    const asked = { agentId: 'agent-1', session, limit: 1, queues: ['default'], types: [], inFlight: [] };
    expect(await start(bench.redis, bench.keys, asked)).toMatchObject({ started: [{ id: 'a', attempt: 2 }] });
    const before = await bench.state();
    expect(await call()).toMatchObject([{ word: 'moot', id: 'a', attempt: 2 }]);
    expect(await bench.state()).toEqual(before);
  });

  test('after the journalled outcome was reported finds nothing', async () => {
    await bench.seed(left);
    expect(await report(bench.redis, bench.keys, [reportOf(completed)])).toEqual(['accepted']);
    const before = await bench.state();
    expect(await call()).toEqual([]);
    expect(await bench.state()).toEqual(before);
  });
});

describe('an entry that is not its command’s current one is acknowledged and deleted:', () => {
  test.each<[string, Value]>([
    ['the command was put back', { ...pending, entry: '2-1' }],
    ['the next attempt has begun', { ...running, attempt: '2', entry: '2-1' }],
    ['the command waits for its time', { ...pending, entry: '', runAt: 'now+60000' }],
    ['the command is of another queue', { ...running, queue: 'other' }],
    ['the command is COMPLETED', { ...running, status: 'COMPLETED' }],
    ['the command is FAILED', { ...running, status: 'FAILED' }],
  ])('%s', async (_, command) => {
    const state = { ...left, 'command:a': command };
    await bench.seed(state);
    expect(await call()).toEqual([said('stray', { id: '', attempt: 0 })]);
    expect(await bench.state()).toEqual({ ...state, 'commands:default': emptied });
    expect(await bench.events()).toEqual([]);
  });

  test.each<[string, Record<string, string>, RedisState, string]>([
    ['it names no id', { x: 'a' }, {}, 'not an entry of Fencepost'],
    ['its command does not exist, or was pruned', { id: 'b' }, {}, 'no such command'],
    ['its command is something else', { id: 'a' }, { 'command:a': 'x' }, 'not a command'],
  ])('%s, and the dead stream says why', async (_, fields, keys, why) => {
    const state = { ...left, ...keys, 'commands:default': { ...stream, stream: [['1-1', fields]] as const } };
    await bench.seed(state);
    expect(await call()).toEqual([said('stray', { id: '', attempt: 0 })]);
    const dead = {
      queue: 'default',
      entry: '1-1',
      why,
      fields: JSON.stringify(Object.entries(fields).flat()),
    };
    expect(await bench.state()).toEqual({
      ...state,
      'commands:default': emptied,
      dead: { stream: [['new1', dead]] },
    });
  });

  test('it was deleted: its command is left to rescue', async () => {
    await bench.seed(left);
    await bench.redis.xdel(bench.keys.stream('default'), '1-1');
    expect(await call()).toEqual([said('stray', { id: '', attempt: 0 })]);
    expect(await bench.state()).toEqual({ ...left, 'commands:default': emptied });
  });
});

describe('keys of a foreign kind:', () => {
  test.each<[string, RedisState]>([
    ['counts', { counts: 'x' }],
    ['scheduled', { scheduled: 'x' }],
    ['expiring', { expiring: 'x' }],
    ['index:failed', { 'index:failed': 'x' }],
    ['history', { 'history:a': 'x' }],
  ])('%s does not keep a command from being settled', async (_, keys) => {
    await bench.seed({ ...left, ...keys });
    expect(await call()).toEqual([said('lost')]);
    expect(await bench.state()).toEqual({ ...ended(), ...keys });
    await bench.seed({ ...oneLeft({ onAgentLost: 'retry' }), ...keys });
    expect(await call()).toEqual([said('requeued')]);
    expect(await bench.state()).toEqual({ ...retried(), ...keys });
  });

  test.each<[string, Record<string, Value>]>([
    ['not started', { ...unstarted, 'command:a': { ...pending, expiresAt: 'now+60000' }, expiring: 'x' }],
    ['started', { ...oneLeft({ onAgentLost: 'retry', expiresAt: 'now+60000' }), expiring: 'x' }],
  ])('expiring, where it has to be put, keeps it as it is: %s', async (_, state) => {
    await bench.seed(state);
    expect(await call()).toMatchObject([{ word: 'broken', id: 'a' }]);
    expect(await bench.state()).toEqual(state);
    expect(await bench.events()).toEqual([]);
  });

  test.each<[string, RedisState]>([
    ['a stream that is something else', { ...left, 'commands:default': 'x' }],
    ['a stream that is gone', without(left, 'commands:default')],
    ['a group that is gone', { ...left, 'commands:default': { stream: stream.stream } }],
    ['no queue that ever held a command', without(left, 'queues')],
  ])('%s has nothing to settle', async (_, state) => {
    await bench.seed(state);
    expect(await call()).toEqual([]);
    expect(await bench.state()).toEqual(state);
  });
});

test('covers every queue, page by page, counts exactly, and announces each page in one message', async () => {
  const ids = Array.from({ length: 250 }, (_, i) => `c${i}`);
  // Every third is another instance's: it stays, and must not be met again.
  const mine = (i: number) => i % 3 !== 0;
  await bench.seed({
    ...admitted,
    ...Object.fromEntries(ids.map((id, i) => [`command:${id}`, { ...running, entry: `1-${i + 1}` }])),
    ...Object.fromEntries(ids.map((id, i) => [`exec:${id}`, `1:agent-1:${mine(i) ? 'i1.1' : 'i2.1'}`])),
    'command:old': { ...pending, queue: 'old' },
    'commands:old': {
      stream: [['1-1', { id: 'old' }]],
      delivered: '1-1',
      pending: [['1-1', 'agent-1', 'now']],
    },
    'commands:default': {
      stream: ids.map((id, i) => [`1-${i + 1}`, { id }] as const),
      delivered: '1-250',
      pending: ids.map((_, i) => [`1-${i + 1}`, 'agent-1', 'now'] as const),
    },
    queues: { set: ['default', 'old', 'none'] },
    counts: { RUNNING: '250', PENDING: '1' },
  });
  const resolved = await call();
  if (resolved === 'old-session') throw new Error(resolved);
  const words = (word: string) => resolved.filter((one) => one.word === word).length;
  expect([resolved.length, words('lost'), words('moot'), words('requeued')]).toEqual([251, 166, 84, 1]);
  expect(await bench.redis.hgetall(bench.keys.counts)).toEqual({
    RUNNING: '84',
    FAILED: '166',
    PENDING: '1',
  });
  const sizes = (await bench.events()).map((lines) => lines.length);
  expect(sizes.sort((one, other) => one - other)).toEqual([1, 33, 66, 67]);
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed(left);
  expect(await bench.whenFull(() => call())).toEqual([said('lost')]);
  expect(await bench.state()).toEqual(ended());
  await bench.seed(unstarted);
  expect(await bench.whenFull(() => call())).toEqual([said('requeued', { attempt: 0 })]);
  expect(await bench.state()).toEqual(putBack());
});
