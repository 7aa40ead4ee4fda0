import {
  emptied,
  failed,
  marker,
  oneRunning,
  reportOf,
  running,
  session,
  without,
} from '../../testing/command-fixtures.js';
import { type HashState, type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { release, renew } from './attempt-leases.js';
import { abandon, recover, rescue } from './recovery.js';
import { report } from './transitions.js';

// The other scripts let an attempt that was asked to stop go on until it ends, in whatever way, and
// no other attempt follows.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

/** A command that was asked to stop, and that might be retried for every reason that there is. */
const asked = {
  ...running,
  onAgentLost: 'retry',
  maxAttempts: '5',
  cancelRequestedAt: 'now-1000',
} as const;
const state = { ...oneRunning, 'command:a': asked } as const satisfies RedisState;

const endedWith = (fields: HashState): RedisState => ({
  ...without(oneRunning, 'exec:a'),
  'command:a': { ...asked, status: 'FAILED', finishedAt: 'now', ...fields },
  'commands:default': emptied,
  counts: { RUNNING: '0', FAILED: '1' },
  'index:failed': { zset: [['a', '1']] },
});
const lostWith = (how: string) =>
  endedWith({
    losses: '1',
    executed: 'unknown',
    error: { code: 'AGENT_LOST', message: `agent-1 ${how} during attempt 1, which it was asked to stop` },
  });

test('a renewal keeps it, and says so', async () => {
  await bench.seed(state);
  const held = [{ id: 'a', attempt: 1 }];
  const renewed = {
    ...state,
    'commands:default': { ...state['commands:default'], pending: [['1-1', 'agent-1', 'now']] },
  };
  for (let i = 0; i < 2; i++) {
    expect(await renew(bench.redis, bench.keys, 'agent-1', session, held)).toEqual(['cancelled']);
    expect(await bench.state()).toEqual(renewed);
  }
  expect(await renew(bench.redis, bench.keys, 'agent-2', session, held)).toEqual(['lost']);
});

test.each([
  [undefined, 'no'],
  ['unknown', 'unknown'],
])('handed back it ends, since no agent may be given it; executed before: %s', async (before, executed) => {
  const fields = before === undefined ? asked : { ...asked, executed: before };
  await bench.seed({ ...state, 'command:a': fields });
  const items = [{ queue: 'default', entry: '1-1', id: 'a', attempt: 1 }];
  expect(await release(bench.redis, bench.keys, 'agent-1', session, items)).toEqual(['released']);
  const message = 'it was cancelled, and handed back unexecuted';
  expect(await bench.state()).toEqual(endedWith({ executed, error: { code: 'CANCELLED', message } }));
  expect(await bench.events()).toEqual([['a FAILED 1']]);
  expect(await release(bench.redis, bench.keys, 'agent-1', session, items)).toEqual(['refused']);
});

test.each(['CANCELLED', 'EXECUTION_FAILED', 'TIMEOUT'] as const)(
  'a report of %s ends it, also one that may be tried again',
  async (code) => {
    await bench.seed(state);
    const outcome = { ...failed, code, retryable: true } as const;
    expect(await report(bench.redis, bench.keys, [reportOf(outcome)])).toEqual(['accepted']);
    const error = { code, message: failed.message };
    expect(await bench.state()).toEqual(
      endedWith({ executed: 'yes', failures: '1', reported: marker, error }),
    );
  },
);

test('the report of an agent that gave it up ends it', async () => {
  await bench.seed(state);
  const outcome = { ...failed, code: 'AGENT_LOST', executed: 'unknown' } as const;
  expect(await report(bench.redis, bench.keys, [reportOf(outcome)])).toEqual(['accepted']);
  expect(await bench.state()).toMatchObject({
    'command:a': { ...(lostWith('lost its lease')['command:a'] as HashState), reported: marker },
  });
});

describe('when its agent is lost it ends, and the lost-agent policy gives it no other:', () => {
  const leaseMs = 3000;
  /** A pulse by which recovery does not hold off. */
  async function seedWithPulse(more: RedisState = {}): Promise<void> {
    await bench.seed({ ...state, ...more });
    await recover(bench.redis, bench.keys, leaseMs);
    await bench.redis.hset(bench.keys.recovery, 'holdUntil', '0');
  }
  const besidePulse = async () => without(await bench.state(), 'recovery');

  test('recover', async () => {
    await seedWithPulse();
    expect(await recover(bench.redis, bench.keys, leaseMs)).toMatchObject({ resolved: [{ word: 'lost' }] });
    expect(await besidePulse()).toEqual(lostWith('vanished'));
  });

  test('abandon', async () => {
    await bench.seed({ ...state, 'session:agent-1': 'i1.2' });
    const settled = await abandon(bench.redis, bench.keys, 'agent-1', 'i1.2');
    expect(settled).toMatchObject([{ word: 'lost', id: 'a' }]);
    expect(await bench.state()).toEqual({ ...lostWith('vanished'), 'session:agent-1': 'i1.2' });
  });

  test('rescue', async () => {
    await seedWithPulse({ 'commands:default': emptied });
    expect(await rescue(bench.redis, bench.keys, leaseMs, [{ id: 'a', entry: '1-1' }])).toEqual(['lost']);
    expect(await besidePulse()).toEqual(lostWith('vanished'));
  });
});
