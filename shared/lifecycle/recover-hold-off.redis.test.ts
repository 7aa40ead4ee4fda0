import { onePending, oneRunning, pending, running, session } from '../../testing/command-fixtures.js';
import { type HashState, type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { renew } from './attempt-leases.js';
import { recover } from './recovery.js';
import { callScript } from './scripts.js';

// The pulse, by which Redis notices that it was away, and when nothing may be resolved.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const leaseMs = 60_000;
const call = (lease = leaseMs) => recover(bench.redis, bench.keys, lease);
const runIdOf = async () => /run_id:(\w+)/.exec(await bench.redis.info('server'))?.[1] ?? '';

const overdue = [
  ['1-1', 'agent-1', 'now-70000'],
  ['1-2', 'agent-1', 'now-70000'],
] as const;
/** `a` is executed, `b` was only delivered; neither was renewed for longer than a lease. */
const silent = {
  ...oneRunning,
  'command:b': { ...pending, entry: '1-2' },
  'commands:default': {
    stream: [
      ['1-1', { id: 'a' }],
      ['1-2', { id: 'b' }],
    ],
    delivered: '1-2',
    pending: overdue,
  },
  counts: { RUNNING: '1', PENDING: '1' },
} as const satisfies RedisState;

/** A pulse as a call just left it, changed by `more`. */
async function seed(more: HashState, state: RedisState = silent): Promise<string> {
  const runId = await runIdOf();
  const usual = {
    runId,
    lastTick: 'now',
    holdUntil: 'now-60000',
    leaseMs: '60000',
    leaseUsedAt: 'now',
    holdOffs: '0',
  };
  await bench.seed({ ...state, recovery: { ...usual, ...more } });
  return runId;
}

const heldOff = { heldOff: true, resolved: [] };
const afterHold = async (more: HashState = {}, state: RedisState = silent): Promise<RedisState> => ({
  ...state,
  recovery: {
    runId: await runIdOf(),
    lastTick: 'now',
    holdUntil: 'now+60000',
    leaseMs: '60000',
    leaseUsedAt: 'now',
    holdOffs: '1',
    ...more,
  },
});

describe('nothing is resolved for a lease, neither what was started nor what was not,', () => {
  test('after the first call of all, which is no outage', async () => {
    await bench.seed(silent);
    expect(await call()).toEqual(heldOff);
    expect(await bench.state()).toEqual(await afterHold({ holdOffs: '0' }));
    expect(await bench.events()).toEqual([]);
  });

  test.each<[string, HashState]>([
    ['a sixth of a lease without a call', { lastTick: 'now-10001' }],
    ['an hour without a call', { lastTick: 'now-3600000', leaseUsedAt: 'now-3600000' }],
    ['the clock was set back', { lastTick: 'now+5000', leaseUsedAt: 'now+5000' }],
    [
      'the clock was set back by a year',
      { lastTick: 'now+31536000000', holdUntil: 'now+31536060000', leaseUsedAt: 'now+31536000000' },
    ],
    ['another run of Redis, however short it was away', { runId: 'f'.repeat(40) }],
    [
      'another outage while it holds off, which begins anew',
      { lastTick: 'now-20000', holdUntil: 'now+5000' },
    ],
    ['another program corrupted the last call', { lastTick: 'x' }],
    [
      'another program corrupted all of it',
      {
        runId: 'x',
        lastTick: '',
        holdUntil: '-1',
        leaseMs: 'inf',
        leaseUsedAt: '9'.repeat(400),
        holdOffs: 'x',
      },
    ],
  ])('after %s: it is counted', async (_, more) => {
    await seed(more);
    expect(await call()).toEqual(heldOff);
    expect(await bench.state()).toEqual(await afterHold());
    expect(await bench.events()).toEqual([]);
  });

  test('after another program replaced the pulse', async () => {
    await bench.seed({ ...silent, recovery: 'x' });
    expect(await call()).toEqual(heldOff);
    expect(await bench.state()).toEqual(await afterHold({ holdOffs: '0' }));
  });

  test('while no queue ever held a command', async () => {
    await bench.seed({});
    expect(await call()).toEqual(heldOff);
    expect(await bench.state()).toEqual(await afterHold({ holdOffs: '0' }, {}));
    expect(await call()).toEqual(heldOff);
  });

  test('also when Redis is full and has lost its scripts', async () => {
    await seed({ lastTick: 'now-20000' });
    expect(await bench.whenFull(call)).toEqual(heldOff);
    expect(await bench.state()).toEqual(await afterHold());
  });
});

test('a call that arrives twice counts one outage', async () => {
  await seed({ lastTick: 'now-20000', holdOffs: '7' });
  expect(await call()).toEqual(heldOff);
  expect(await call()).toEqual(heldOff);
  expect(await bench.state()).toEqual(await afterHold({ holdOffs: '8' }));
});

test('a call while it holds off keeps the end of that', async () => {
  await seed({ lastTick: 'now-5000', holdUntil: 'now+5000', holdOffs: '1' });
  expect(await call()).toEqual(heldOff);
  expect(await bench.state()).toEqual(await afterHold({ holdUntil: 'now+5000' }));
});

test('an end further off than a lease is of a clock that was set back, and comes nearer', async () => {
  await seed({ holdUntil: 'now+3600000' });
  expect(await call()).toEqual(heldOff);
  expect(await bench.state()).toEqual(await afterHold({ holdOffs: '0' }));
});

test('calls less than a sixth of a lease apart resolve, and leave the pulse for the next', async () => {
  // A second of room for a slow machine.
  await seed({ lastTick: 'now-9000', holdOffs: '3' });
  const { heldOff, resolved } = await call();
  expect([heldOff, resolved.map(({ word, id }) => [word, id])]).toEqual([
    false,
    [
      ['lost', 'a'],
      ['requeued', 'b'],
    ],
  ]);
  expect(await bench.state()).toMatchObject({
    'command:a': { status: 'FAILED' },
    'command:b': { status: 'PENDING', entry: 'new1' },
    recovery: { lastTick: 'now', holdUntil: 'now-60000', holdOffs: '3' },
  });
});

test('it holds off until exactly holdUntil', async () => {
  await seed({ holdUntil: 'now+100' });
  const replies: unknown[][] = [];
  do {
    const reply = await callScript(bench.redis, 'recover', bench.keys.root, [leaseMs, 100, 'default', '0-0']);
    replies.push(reply as unknown[]);
  } while (replies.at(-1)?.[0] === 'hold');
  const until = Number(await bench.redis.hget(bench.keys.recovery, 'holdUntil'));
  const holds = replies.slice(0, -1);
  expect(holds.length).toBeGreaterThan(0);
  expect(holds.filter(([, now, told]) => Number(now) >= until || told !== until)).toEqual([]);
  expect(Number(replies.at(-1)?.[1])).toBeGreaterThanOrEqual(until);
  expect(await bench.state()).toMatchObject({
    'command:a': { status: 'FAILED' },
    recovery: { holdOffs: '0' },
  });
});

test('an outage between two pages holds the rest off', async () => {
  const ids = Array.from({ length: 150 }, (_, i) => `c${i}`);
  await seed(
    {},
    {
      ...Object.fromEntries(ids.map((id, i) => [`command:${id}`, { ...running, entry: `1-${i + 1}` }])),
      'commands:default': {
        stream: ids.map((id, i) => [`1-${i + 1}`, { id }] as const),
        delivered: '1-150',
        pending: ids.map((_, i) => [`1-${i + 1}`, 'agent-1', 'now-70000'] as const),
      },
      queues: { set: ['default'] },
      counts: { RUNNING: '150' },
    },
  );
  let outage: Promise<unknown> = Promise.resolve();
  let pages = 0;
  const { heldOff, resolved } = await recover(bench.redis, bench.keys, leaseMs, () => {
    // Sent on the same connection, so it is before this page's call.
    if (++pages === 2) outage = bench.redis.hset(bench.keys.recovery, 'lastTick', 1);
  });
  await outage;
  expect([heldOff, resolved.length, pages]).toEqual([true, 100, 2]);
  expect(await bench.redis.hgetall(bench.keys.counts)).toEqual({ RUNNING: '50', FAILED: '100' });
});

test('a Redis that was killed gives live agents a lease to renew, and only the dead are lost', async () => {
  const own = await ScriptBench.start();
  const { redis, keys, server } = own;
  try {
    await own.seed(silent);
    expect(await recover(redis, keys, leaseMs)).toEqual(heldOff);
    await redis.hset(keys.recovery, 'holdUntil', 1);
    await server.kill();
    await server.start();
    expect(await recover(redis, keys, leaseMs)).toEqual(heldOff);
    expect(await redis.hget(keys.recovery, 'holdOffs')).toBe('1');

    expect(await renew(redis, keys, 'agent-1', session, [{ id: 'a', attempt: 1 }])).toEqual(['ok']);
    // The lease is over.
    await redis.hset(keys.recovery, 'holdUntil', 1);
    const { resolved } = await recover(redis, keys, leaseMs);
    expect(resolved.map(({ word, id }) => [word, id])).toEqual([['requeued', 'b']]);
    expect(await redis.hget(keys.command('a'), 'status')).toBe('RUNNING');
  } finally {
    await own.stop();
  }
});

describe('with leases of several lengths in use,', () => {
  const one = (since: string): RedisState => ({
    ...onePending,
    'commands:default': {
      stream: [['1-1', { id: 'a' }]],
      delivered: '1-1',
      pending: [['1-1', 'agent-1', since]],
    },
  });

  test('the longest counts: a caller with a shorter one does not cut that of others short', async () => {
    await seed({}, one('now-30000'));
    expect(await call(6000)).toEqual({ heldOff: false, resolved: [] });
    expect(await bench.state()).toEqual(
      await afterHold({ holdUntil: 'now-60000', holdOffs: '0' }, one('now-30000')),
    );
  });

  test('a longer one counts at once, for entries and for the gap between calls', async () => {
    await seed({ leaseMs: '6000', lastTick: 'now-5000', leaseUsedAt: 'now-5000' }, one('now-30000'));
    expect(await call(leaseMs)).toEqual({ heldOff: false, resolved: [] });
    expect(await bench.state()).toEqual(
      await afterHold({ holdUntil: 'now-60000', holdOffs: '0' }, one('now-30000')),
    );
  });

  test('the shorter one’s gap does not count while the longer one is in use', async () => {
    await seed({ lastTick: 'now-5000' }, one('now-30000'));
    expect(await call(6000)).toEqual({ heldOff: false, resolved: [] });
  });

  test('an outage is followed by a hold-off of the longest, whichever caller comes first', async () => {
    await seed({ lastTick: 'now-20000', leaseUsedAt: 'now-20000' }, one('now-30000'));
    expect(await call(6000)).toEqual(heldOff);
    expect(await bench.state()).toEqual(await afterHold({}, one('now-30000')));
  });

  test.each<[string, HashState]>([
    ['an outage longer than itself', { lastTick: 'now-3600000', leaseUsedAt: 'now-3600000' }],
    ['a clock that was set back', { lastTick: 'now+5000', leaseUsedAt: 'now+5000' }],
    ['a restart', { runId: 'x', leaseUsedAt: 'now-3600000' }],
  ])('the longest is not forgotten over %s', async (_, more) => {
    await seed(more, one('now-3700000'));
    expect(await call(6000)).toEqual(heldOff);
    expect(await bench.state()).toEqual(await afterHold({}, one('now-3700000')));
  });

  test('the longest is forgotten once unused for so long; the shorter begins with a hold-off', async () => {
    await seed({ leaseUsedAt: 'now-60001' }, one('now-30000'));
    expect(await call(6000)).toEqual(heldOff);
    const shorter = { leaseMs: '6000', holdUntil: 'now+6000', holdOffs: '0' };
    expect(await bench.state()).toEqual(await afterHold(shorter, one('now-30000')));
  });

  test('the longest is not forgotten within its length', async () => {
    // Five seconds of room for a slow machine.
    await seed({ leaseUsedAt: 'now-55000' }, one('now-30000'));
    expect(await call(6000)).toEqual({ heldOff: false, resolved: [] });
    expect(await bench.state()).toEqual(
      await afterHold({ leaseUsedAt: 'now-55000', holdUntil: 'now-60000', holdOffs: '0' }, one('now-30000')),
    );
  });

  test('a time of use in the future, which another program wrote, does not keep it for ever', async () => {
    await seed({ leaseUsedAt: 'now+3600000' }, one('now-30000'));
    await call(6000);
    expect(await bench.state()).toMatchObject({ recovery: { leaseMs: '60000', leaseUsedAt: 'now' } });
  });
});

describe('a caller that may not ask for INFO', () => {
  const user = { username: 'noinfo', password: 'secret' } as const;
  let caller: ReturnType<typeof bench.server.client>;
  beforeAll(async () => {
    await bench.redis.call(
      'ACL',
      'SETUSER',
      user.username,
      'on',
      '>secret',
      '~*',
      '&*',
      '+@all',
      '-@dangerous',
    );
    caller = bench.server.client({ ...user, enableReadyCheck: false });
  });
  const recoverBy = () => recover(caller, bench.keys, leaseMs);
  const pulse = () => bench.redis.hgetall(bench.keys.recovery);

  test('recovers what was lost, once it has seen Redis for a lease', async () => {
    await bench.seed(silent);
    expect(await recoverBy()).toEqual(heldOff);
    await bench.redis.hset(bench.keys.recovery, 'holdUntil', '0');
    expect((await recoverBy()).resolved).toHaveLength(2);
  });

  test('notices another run of Redis, and is not confused by callers that may ask', async () => {
    await seed({});
    expect(await recoverBy()).toEqual(heldOff);
    const { interpreter, runId } = await pulse();
    expect(runId).toBe(await runIdOf());
    await call();
    expect(await pulse()).toMatchObject({ interpreter, runId, holdOffs: '0' });
    await recoverBy();
    expect(await pulse()).toMatchObject({ holdOffs: '0' });
    // A flush looks like a restart: the scripts are gone.
    await bench.redis.script('FLUSH');
    await recoverBy();
    const after = await pulse();
    expect(after).toMatchObject({ holdOffs: '1', runId });
    expect(after.interpreter).not.toBe(interpreter);
  });
});
