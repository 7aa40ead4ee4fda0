import {
  failed,
  reportOf,
  emptied,
  marker,
  oneRunning,
  running,
  session,
  without,
} from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { type Outcome, report, type Report } from './transitions.js';

// Failures after which the command is put back, to be tried again.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const error = { code: 'EXECUTION_FAILED', message: 'no luck' };

const send = (...reports: Report[]) => report(bench.redis, bench.keys, reports);

const ended = without({ ...oneRunning, 'commands:default': emptied }, 'exec:a');

describe('another try', () => {
  const again = { ...failed, retryable: true, pauseMs: 60_000 };
  const tries = { ...oneRunning, 'command:a': { ...running, maxAttempts: '2' } };
  const putBack = {
    ...ended,
    'command:a': {
      ...running,
      status: 'PENDING',
      entry: '',
      runAt: 'now+60000',
      maxAttempts: '2',
      failures: '1',
      executed: 'yes',
      reported: marker,
    },
    counts: { PENDING: '1', RUNNING: '0' },
    scheduled: { zset: [['a', 'now+60000']] },
    'history:a': {
      list: [
        {
          why: 'failed',
          at: 'now',
          attempt: 1,
          agentId: 'agent-1',
          session,
          status: 'FAILED',
          result: null,
          error: JSON.stringify(error),
        },
      ],
    },
  };

  test('puts the command back for later, and keeps the outcome in the history', async () => {
    await bench.seed(tries);
    expect(await send(reportOf(again))).toEqual(['accepted']);
    expect(await bench.state()).toEqual(putBack);
    expect(await bench.events()).toEqual([['a PENDING 1']]);
    expect(await send(reportOf(again))).toEqual(['again']);
    expect(await bench.state()).toEqual(putBack);
    expect(await bench.events()).toEqual([]);
  });

  test('comes after a year at the latest, however long a pause is asked for', async () => {
    const yearMs = 365 * 24 * 3600 * 1000;
    await bench.seed(tries);
    expect(await send(reportOf({ ...again, pauseMs: 9_000_000_000_000_000 }))).toEqual(['accepted']);
    expect(await bench.state()).toMatchObject({ scheduled: { zset: [['a', `now+${yearMs}`]] } });
  });

  test('keeps the time at which the command expires', async () => {
    await bench.seed({ ...tries, 'command:a': { ...running, maxAttempts: '2', expiresAt: 'now+3600000' } });
    await send(reportOf(again));
    expect(await bench.state()).toMatchObject({ expiring: { zset: [['a', 'now+3600000']] } });
  });

  test.each<[string, object, object]>([
    ['the outcome is not retryable', { maxAttempts: '2' }, failed],
    ['no more than one is allowed, by default', {}, again],
    ['all allowed ones were made', { maxAttempts: '2', failures: '1' }, again],
  ])('is not made when %s', async (_, fields, outcome) => {
    await bench.seed({ ...oneRunning, 'command:a': { ...running, ...fields } });
    expect(await send(reportOf(outcome as Outcome))).toEqual(['accepted']);
    expect(await bench.state()).toMatchObject({ 'command:a': { status: 'FAILED' }, counts: { FAILED: '1' } });
  });

  test('counts own failures, not attempts', async () => {
    await bench.seed({
      ...oneRunning,
      'exec:a': `9:agent-1:${session}`,
      'command:a': { ...running, attempt: '9', losses: '2', maxAttempts: '2' },
    });
    expect(await send(reportOf(again, { attempt: 9 }))).toEqual(['accepted']);
    expect(await bench.state()).toMatchObject({
      'command:a': { status: 'PENDING', attempt: '9', failures: '1' },
    });
  });

  test.each([
    ['1', 1000],
    ['5', 16_000],
    ['90', 3_600_000],
  ])('after failure %s waits at most %i ms, with full jitter', async (failures, mostMs) => {
    const before = String(Number(failures) - 1);
    const since = await bench.seed({
      ...oneRunning,
      'command:a': { ...running, failures: before, maxAttempts: '100' },
    });
    await send(reportOf({ ...again, pauseMs: 0 }));
    const runAt = Number(await bench.redis.hget(bench.keys.command('a'), 'runAt'));
    const [seconds] = await bench.redis.time();
    expect(runAt).toBeGreaterThanOrEqual(since);
    expect(runAt).toBeLessThanOrEqual((Number(seconds) + 1) * 1000 + mostMs);
  });

  test.each<[string, RedisState, object]>([
    ['scheduled', { scheduled: 'x' }, { maxAttempts: '2' }],
    ['expiring', { expiring: 'x' }, { maxAttempts: '2', expiresAt: 'now+60000' }],
  ])('is refused as broken, before anything is written, while %s is in the way', async (_, keys, fields) => {
    const state: RedisState = { ...oneRunning, ...keys, 'command:a': { ...running, ...fields } };
    await bench.seed(state);
    expect(await send(reportOf(again))).toEqual(['broken']);
    expect(await bench.state()).toEqual(state);
    expect(await bench.events()).toEqual([]);
  });
});
