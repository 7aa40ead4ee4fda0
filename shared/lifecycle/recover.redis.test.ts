import {
  completed,
  emptied,
  marker,
  onePending,
  oneRunning,
  pending,
  reportOf,
  running,
  session,
  without,
} from '../../testing/command-fixtures.js';
import { type HashState, type RedisState, type Value } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { renew } from './attempt-leases.js';
import { recover, type Resolved } from './recovery.js';
import { report } from './transitions.js';

// Recovery resolves entries whose lease has run out. When it may resolve nothing: recover-hold-off.

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
const nowMs = async () => Number((await bench.redis.time())[0]) * 1000;
const call = async () => (await recover(bench.redis, bench.keys, leaseMs)).resolved;
const all = (state: RedisState): RedisState => ({ ...state, recovery: pulse });
const said = (word: Resolved['word'], more: Partial<Resolved> = {}): Resolved => ({
  word,
  queue: 'default',
  entry: '1-1',
  id: 'a',
  attempt: 1,
  ...more,
});

const overdue = [['1-1', 'agent-1', 'now-70000']] as const;
const stream = { ...oneRunning['commands:default'], pending: overdue } as const;
const backOnStream = { stream: [['new1', { id: 'a' }]], delivered: '1-1', pending: [] } as const;
const unstarted = { ...onePending, 'commands:default': stream } as const;
const lost = { ...oneRunning, 'commands:default': stream } as const;
const oneLost = (fields: HashState) => ({ ...lost, 'command:a': { ...running, ...fields } });

const putBack = (more: HashState = {}): RedisState => ({
  ...onePending,
  'command:a': { ...pending, entry: 'new1', ...more },
  'commands:default': backOnStream,
});
const ended = (message = 'agent-1 vanished during attempt 1', more: HashState = {}): RedisState => ({
  ...without(lost, 'exec:a'),
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
const evidence = {
  why: 'lost',
  at: 'now',
  attempt: 1,
  agentId: 'agent-1',
  session,
  status: null,
  result: null,
  error: vanished,
};
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
  'history:a': { list: [evidence] },
});

describe('a command that was delivered and never started', () => {
  test.each(['fail', 'retry'])(
    'goes back on its stream at no loss, whatever its policy: %s',
    async (policy) => {
      await seed({ ...unstarted, 'command:a': { ...pending, onAgentLost: policy, maxLosses: '1' } });
      expect(await call()).toEqual([said('requeued', { attempt: 0 })]);
      expect(await bench.state()).toEqual(all(putBack({ onAgentLost: policy, maxLosses: '1' })));
      expect(await bench.events()).toEqual([['a PENDING 0']]);
    },
  );

  test('keeps what it knows of earlier attempts, and the time at which it expires', async () => {
    const more = { attempt: '2', losses: '1', failures: '1', executed: 'yes', expiresAt: 'now+60000' };
    await seed({ ...unstarted, 'command:a': { ...pending, ...more } });
    expect(await call()).toEqual([said('requeued', { attempt: 2 })]);
    expect(await bench.state()).toEqual({ ...all(putBack(more)), expiring: { zset: [['a', 'now+60000']] } });
  });

  test('goes back to where it waits for its time, if that has not come', async () => {
    await seed({ ...unstarted, 'command:a': { ...pending, runAt: 'now+60000' } });
    expect(await call()).toEqual([said('requeued', { attempt: 0 })]);
    expect(await bench.state()).toEqual({
      ...all(putBack({ runAt: 'now+60000', entry: '' })),
      'commands:default': emptied,
      scheduled: { zset: [['a', 'now+60000']] },
    });
  });

  test.each<[string, Value]>([
    ['a string', marker],
    ['something else', { list: ['x'] }],
  ])('goes back too when another program set a marker, %s, which goes', async (_, value) => {
    await seed({ ...unstarted, 'exec:a': value });
    expect(await call()).toEqual([said('requeued', { attempt: 0 })]);
    expect(await bench.state()).toEqual(all(putBack()));
  });
});

describe('a command that was started', () => {
  test('ends as AGENT_LOST, which is the default', async () => {
    await seed(lost);
    expect(await call()).toEqual([said('lost')]);
    expect(await bench.state()).toEqual(all(ended()));
    expect(await bench.events()).toEqual([['a FAILED 1']]);
  });

  test('goes back for another attempt if it says so, and its history says why, once', async () => {
    await seed(oneLost({ onAgentLost: 'retry' }));
    expect(await call()).toEqual([said('requeued')]);
    expect(await bench.state()).toEqual(all(retried()));
    expect(await bench.events()).toEqual([['a PENDING 1']]);
    expect(await call()).toEqual([]);
    expect(await bench.state()).toEqual(all(retried()));
    expect(await bench.events()).toEqual([]);
  });

  test.each<[string, HashState, string | undefined]>([
    ['fail', { onAgentLost: 'fail' }, ''],
    ['neither', { onAgentLost: 'perhaps' }, ''],
    ['retry, the 2nd loss of 3, which is the default', { onAgentLost: 'retry', losses: '1' }, undefined],
    ['retry, the 3rd of 3', { onAgentLost: 'retry', losses: '2' }, ', the last of 3 losses'],
    ['retry, the 1st of 2', { onAgentLost: 'retry', maxLosses: '2' }, undefined],
    ['retry, the 2nd of 2', { onAgentLost: 'retry', maxLosses: '2', losses: '1' }, ', the last of 2 losses'],
    ['retry, the 1st of 1', { onAgentLost: 'retry', maxLosses: '1' }, ', the last of 1 losses'],
    ['retry, beyond the last', { onAgentLost: 'retry', losses: '7' }, ', the last of 3 losses'],
    ['retry, none allowed', { onAgentLost: 'retry', maxLosses: '0' }, ', the last of 0 losses'],
  ])('is judged by its policy: %s', async (_, fields, last) => {
    await seed(oneLost(fields));
    const losses = String(Number(fields.losses ?? 0) + 1);
    expect(await call()).toEqual([said(last === undefined ? 'requeued' : 'lost')]);
    expect(await bench.state()).toEqual(
      all(
        last === undefined
          ? retried({ ...fields, losses })
          : ended(`agent-1 vanished during attempt 1${last}`, { ...fields, losses }),
      ),
    );
  });

  test.each<[string | undefined, string]>([
    [undefined, 'unknown'],
    ['no', 'unknown'],
    ['unknown', 'unknown'],
    ['yes', 'yes'],
    ['perhaps', 'unknown'],
  ])('executed: %s becomes %s', async (before, after) => {
    const fields = before === undefined ? {} : { executed: before };
    await seed(oneLost(fields));
    await call();
    expect(await bench.state()).toEqual(all(ended(undefined, { executed: after })));
    await seed(oneLost({ ...fields, onAgentLost: 'retry' }));
    await call();
    expect(await bench.state()).toEqual(all(retried({ executed: after })));
  });

  test('gets back the time at which it expires', async () => {
    await seed(oneLost({ onAgentLost: 'retry', expiresAt: 'now-1000' }));
    await call();
    expect(await bench.state()).toEqual({
      ...all(retried({ expiresAt: 'now-1000' })),
      expiring: { zset: [['a', 'now-1000']] },
    });
  });

  test.each<[string, RedisState, string]>([
    ['is gone', without(lost, 'exec:a'), ''],
    ['is of a caller without a session', { ...lost, 'exec:a': '1:agent-1:' }, ''],
    ['is no string', { ...lost, 'exec:a': { list: ['x'] } }, ''],
  ])('is lost too when its marker %s', async (_, state, session) => {
    await seed(state);
    expect(await call()).toEqual([said('lost')]);
    expect(await bench.state()).toEqual(all(ended()));
    await seed({ ...state, 'command:a': { ...running, onAgentLost: 'retry' } });
    expect(await call()).toEqual([said('requeued')]);
    expect(await bench.state()).toEqual({
      ...all(retried()),
      'history:a': { list: [{ ...evidence, session }] },
    });
  });

  test('is lost too when its agent is unknown', async () => {
    await seed(lost);
    await bench.redis.hdel(bench.keys.command('a'), 'agentId');
    await call();
    expect(await bench.state()).toMatchObject({
      'command:a': { error: { code: 'AGENT_LOST', message: 'its agent vanished during attempt 1' } },
    });
  });

  test('keeps the latest twenty of its history', async () => {
    const list = Array.from({ length: 20 }, (_, i) => `x${i}`);
    await seed({ ...oneLost({ onAgentLost: 'retry' }), 'history:a': { list } });
    await call();
    expect(await bench.state()).toEqual({
      ...all(retried()),
      'history:a': { list: [evidence, ...list.slice(0, 19)] },
    });
  });
});

describe('nothing is done', () => {
  const under = (consumer: string, since: string) => ({
    ...lost,
    'commands:default': { ...stream, pending: [['1-1', consumer, since]] as const },
  });
  test.each<[string, RedisState]>([
    ['to an entry within its lease', under('agent-1', 'now-50000')],
    ['to an entry that recovery claimed a moment ago', under('~recovery', 'now-50000')],
    ['to what waits', onePending],
    ['where nothing is left', { ...lost, 'commands:default': emptied }],
    ['where the stream is gone', without(lost, 'commands:default')],
    ['where the stream is something else', { ...lost, 'commands:default': 'x' }],
    ['where the group is gone', { ...lost, 'commands:default': { stream: stream.stream } }],
    ['where no queue ever held a command', without(lost, 'queues')],
  ])('%s', async (_, state) => {
    await seed(state);
    expect(await call()).toEqual([]);
    expect(await bench.state()).toEqual(all(state));
    expect(await bench.events()).toEqual([]);
  });

  test('to what its agent renewed after recovery had claimed it', async () => {
    await seed({ ...lost, 'commands:default': { ...stream, pending: [['1-1', '~recovery', 'now-70000']] } });
    expect(await renew(bench.redis, bench.keys, 'agent-1', session, [{ id: 'a', attempt: 1 }])).toEqual([
      'ok',
    ]);
    expect(await call()).toEqual([]);
    expect(await bench.state()).toEqual(all(under('agent-1', 'now')));
  });

  test('to what was reported before', async () => {
    await seed(lost);
    expect(await report(bench.redis, bench.keys, [reportOf(completed)])).toEqual(['accepted']);
    expect(await call()).toEqual([]);
    expect(await bench.state()).toMatchObject({
      'command:a': { status: 'COMPLETED' },
      counts: { COMPLETED: '1' },
    });
  });
});

test('an entry that recovery could not resolve earlier is resolved when it has been mended', async () => {
  const state = { ...unstarted, 'command:a': { ...pending, expiresAt: 'now+60000' }, expiring: 'x' };
  await seed(state);
  expect(await call()).toEqual([said('broken', { attempt: 0 })]);
  // Under a name that no agent can have: none takes it for a delivery of its own.
  const waits = { ...stream, pending: [['1-1', '~recovery', 'now']] } as const;
  expect(await bench.state()).toEqual(all({ ...state, 'commands:default': waits }));
  expect(await call()).toEqual([]);
  await seed({
    ...without(state, 'expiring'),
    'commands:default': { ...stream, pending: [['1-1', '~recovery', 'now-70000']] },
  });
  expect(await call()).toEqual([said('requeued', { attempt: 0 })]);
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
    const state: RedisState = { ...lost, 'command:a': command };
    await seed(state);
    expect(await call()).toEqual([said('stray', { id: '', attempt: 0 })]);
    expect(await bench.state()).toEqual(all({ ...state, 'commands:default': emptied }));
    expect(await bench.events()).toEqual([]);
  });
});

describe('an entry that cannot be understood goes to the dead stream:', () => {
  test.each<[string, Record<string, string>, RedisState, string]>([
    ['it names no id', { x: 'a' }, {}, 'not an entry of Fencepost'],
    ['it has more fields than an id', { id: 'a', x: 'y' }, {}, 'not an entry of Fencepost'],
    ['its command does not exist, or was pruned', { id: 'b' }, {}, 'no such command'],
    ['its command is something else', { id: 'a' }, { 'command:a': 'x' }, 'not a command'],
    [
      'a number of its command is none',
      { id: 'a' },
      { 'command:a': { ...running, losses: 'x' } },
      'not a command',
    ],
    ['its command has no queue', { id: 'a' }, { 'command:a': { status: 'RUNNING' } }, 'not a command'],
  ])('%s', async (_, fields, keys, why) => {
    const state = { ...lost, ...keys, 'commands:default': { ...stream, stream: [['1-1', fields]] as const } };
    await seed(state);
    expect(await call()).toEqual([said('stray', { id: '', attempt: 0 })]);
    const dead = {
      queue: 'default',
      entry: '1-1',
      why,
      fields: JSON.stringify(Object.entries(fields).flat()),
    };
    expect(await bench.state()).toEqual(
      all({ ...state, 'commands:default': emptied, dead: { stream: [['new1', dead]] } }),
    );
    expect(await bench.events()).toEqual([]);
  });

  test('or is only dropped, where the dead stream is something else', async () => {
    await seed({ ...lost, dead: 'x', 'commands:default': { ...stream, stream: [['1-1', { x: 'y' }]] } });
    expect(await call()).toEqual([said('stray', { id: '', attempt: 0 })]);
    expect(await bench.state()).toEqual(all({ ...lost, dead: 'x', 'commands:default': emptied }));
  });
});

test('an entry that was deleted leaves the pending list, and its command to rescue', async () => {
  await seed(lost);
  await bench.redis.xdel(bench.keys.stream('default'), '1-1');
  expect(await call()).toEqual([]);
  expect(await bench.state()).toEqual(all({ ...lost, 'commands:default': emptied }));
});

describe('keys of a foreign kind do not keep a command from being resolved:', () => {
  test.each<[string, RedisState]>([
    ['counts', { counts: 'x' }],
    ['scheduled', { scheduled: 'x' }],
    ['expiring', { expiring: 'x' }],
    ['index', { index: 'x' }],
    ['index:failed', { 'index:failed': 'x' }],
    ['history', { 'history:a': 'x' }],
  ])('%s', async (name, keys) => {
    await seed({ ...lost, ...keys });
    expect(await call()).toEqual([said('lost')]);
    const failedAt: RedisState = name === 'index' ? { 'index:failed': { zset: [['a', 'now']] } } : {};
    expect(await bench.state()).toEqual(all({ ...ended(), ...failedAt, ...keys }));
    await seed({ ...oneLost({ onAgentLost: 'retry' }), ...keys });
    expect(await call()).toEqual([said('requeued')]);
    expect(await bench.state()).toEqual(all({ ...retried(), ...keys }));
  });

  test.each<[string, HashState, RedisState]>([
    ['expiring, where it has to be put', { expiresAt: 'now+60000' }, { expiring: 'x' }],
    ['scheduled, where it has to be put', { status: 'PENDING', runAt: 'now+60000' }, { scheduled: 'x' }],
  ])('but %s', async (_, fields, keys) => {
    const state = { ...oneLost({ onAgentLost: 'retry', ...fields }), ...keys };
    await seed(state);
    expect(await call()).toEqual([said('broken')]);
    const waits = { ...stream, pending: [['1-1', '~recovery', 'now']] as const };
    expect(await bench.state()).toEqual(all({ ...state, 'commands:default': waits }));
    expect(await bench.events()).toEqual([]);
  });

  test('but a stream that takes no more entries, and the others are resolved', async () => {
    const last = '18446744073709551615-18446744073709551615';
    await seed({
      ...oneLost({ onAgentLost: 'retry' }),
      'command:b': { ...running, entry: '1-2' },
      'commands:default': {
        stream: [
          ['1-1', { id: 'a' }],
          ['1-2', { id: 'b' }],
          [last, { x: 'y' }],
        ],
        delivered: '1-2',
        pending: [...overdue, ['1-2', 'agent-1', 'now-70000']],
      },
      counts: { RUNNING: '2' },
    });
    expect(await call()).toEqual([said('broken'), said('lost', { id: 'b', entry: '1-2' })]);
    const after = await bench.state();
    expect(after).toMatchObject({
      'command:a': { ...running, onAgentLost: 'retry' },
      'exec:a': marker,
      'commands:default': { pending: [['1-1', '~recovery', 'now']] },
      counts: { RUNNING: '1', FAILED: '1' },
    });
    expect(after).not.toHaveProperty('history:a');
    expect(await bench.events()).toEqual([['b FAILED 1']]);
  });
});

describe('many entries', () => {
  const many = (n: number, since: (i: number) => string): RedisState => {
    const ids = Array.from({ length: n }, (_, i) => `c${i}`);
    return {
      ...Object.fromEntries(ids.map((id, i) => [`command:${id}`, { ...running, entry: `1-${i + 1}` }])),
      'commands:default': {
        stream: ids.map((id, i) => [`1-${i + 1}`, { id }] as const),
        delivered: `1-${n}`,
        pending: ids.map((_, i) => [`1-${i + 1}`, 'agent-1', since(i)] as const),
      },
      queues: { set: ['default'] },
      counts: { RUNNING: String(n) },
    };
  };
  const started = () => {
    const pages: number[] = [];
    return { pages, onPage: () => pages.push(pages.length) };
  };

  test('are resolved a hundred in a call, counted exactly, with one message per call', async () => {
    await seed(many(250, () => 'now-70000'));
    const { pages, onPage } = started();
    const { resolved } = await recover(bench.redis, bench.keys, leaseMs, () => void onPage());
    expect(resolved.map(({ id }) => id)).toEqual(Array.from({ length: 250 }, (_, i) => `c${i}`));
    expect(pages.length).toBe(3);
    expect(await bench.state()).toMatchObject({
      'commands:default': { stream: [], pending: [] },
      counts: { RUNNING: '0', FAILED: '250' },
    });
    expect((await bench.events()).map((lines) => lines.length)).toEqual([100, 100, 50]);
  });

  test('that are fresh do not hide the one behind them: an empty page is not the end', async () => {
    await seed(many(2500, (i) => (i === 2499 ? 'now-70000' : 'now')));
    // To write so many may take a busy machine longer than a pulse may be old.
    await bench.redis.hset(bench.keys.recovery, 'lastTick', await nowMs());
    const { pages, onPage } = started();
    const { resolved } = await recover(bench.redis, bench.keys, leaseMs, () => void onPage());
    expect(resolved).toEqual([said('lost', { id: 'c2499', entry: '1-2500' })]);
    expect(pages.length).toBeGreaterThan(2);
    expect(await bench.redis.hgetall(bench.keys.counts)).toEqual({ RUNNING: '2499', FAILED: '1' });
    expect(await bench.events()).toEqual([['c2499 FAILED 1']]);
  });
});

test('covers every queue that ever held a command, each with its message', async () => {
  await seed({
    ...lost,
    'command:b': { ...pending, queue: 'old' },
    'commands:old': { stream: [['1-1', { id: 'b' }]], delivered: '1-1', pending: overdue },
    queues: { set: ['default', 'none', 'old', 'text'] },
    'commands:text': 'x',
    counts: { RUNNING: '1', PENDING: '1' },
  });
  const resolved = await call();
  expect(resolved).toHaveLength(2);
  expect(resolved).toContainEqual(said('lost'));
  expect(resolved).toContainEqual(said('requeued', { id: 'b', queue: 'old', attempt: 0 }));
  expect(await bench.state()).toMatchObject({
    'commands:old': { stream: [['new1', { id: 'b' }]], pending: [] },
    counts: { RUNNING: '0', FAILED: '1', PENDING: '1' },
  });
  expect((await bench.events()).sort()).toEqual([['a FAILED 1'], ['b PENDING 0']]);
});

test('works when Redis is full and has lost its scripts', async () => {
  await seed(lost);
  expect(await bench.whenFull(call)).toEqual([said('lost')]);
  expect(await bench.state()).toEqual(all(ended()));
  await seed(oneLost({ onAgentLost: 'retry' }));
  expect(await bench.whenFull(call)).toEqual([said('requeued')]);
  expect(await bench.state()).toEqual(all(retried()));
});
