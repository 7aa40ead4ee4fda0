import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  asAgent1,
  completed,
  failed,
  marker,
  oneRunning,
  reportOf,
  running,
  session,
  without,
} from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { cancel, retry, seeCommands } from './cancel-and-retry.js';
import { report, start } from './transitions.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const finishedAt = '700000';
const run = (...ids: readonly string[]) =>
  retry(
    bench.redis,
    bench.keys,
    ids.map((id) => ({ id, finishedAt })),
  );

const error = { code: 'EXECUTION_FAILED', message: 'no luck' } as const;
const failure = {
  ...running,
  status: 'FAILED',
  failures: '1',
  executed: 'yes',
  reported: marker,
  result: '{"seen":1}',
  error,
  finishedAt,
} as const;
const oneFailed = {
  'command:a': failure,
  'commands:default': { stream: [], delivered: '1-1', pending: [] },
  counts: { FAILED: '1' },
  index: { zset: [['a', '1']] },
  'index:failed': { zset: [['a', '1']] },
  queues: { set: ['default'] },
} as const satisfies RedisState;

const retried = {
  ...without(oneFailed, 'index:failed'),
  'command:a': {
    ...running,
    status: 'PENDING',
    entry: 'new1',
    executed: 'yes',
    reported: marker,
    retried: finishedAt,
  },
  'commands:default': { stream: [['new1', { id: 'a' }]], delivered: '1-1', pending: [] },
  counts: { FAILED: '0', PENDING: '1' },
  'history:a': {
    list: [
      {
        why: 'retried',
        at: 'now',
        attempt: 1,
        agentId: 'agent-1',
        session,
        status: 'FAILED',
        result: '{"seen":1}',
        error: JSON.stringify(error),
      },
    ],
  },
} as const;

test('begins a new life, and keeps how the last one ended', async () => {
  await bench.seed(oneFailed);
  expect(await run('a')).toEqual(['retried']);
  expect(await bench.state()).toEqual(retried);
  expect(await bench.events()).toEqual([['a PENDING 1']]);
});

test('sent twice gives the same answer, and retries once', async () => {
  await bench.seed(oneFailed);
  expect(await run('a', 'a')).toEqual(['retried', 'retried']);
  expect(await run('a')).toEqual(['retried']);
  expect(await bench.state()).toEqual(retried);
});

test('that arrives when the new life has failed too does not begin a third', async () => {
  await bench.seed(oneFailed);
  await run('a');
  await start(bench.redis, bench.keys, asAgent1);
  await report(bench.redis, bench.keys, [reportOf(failed, { attempt: 2 })]);
  const state = await bench.state();
  expect(state).toMatchObject({ 'command:a': { status: 'FAILED', attempt: '2', failures: '1' } });
  expect(await run('a')).toEqual(['retried']);
  expect(await bench.state()).toEqual(state);
});

test('the next failure can be retried again, and only by its own time', async () => {
  await bench.seed({ ...oneFailed, 'command:a': { ...failure, finishedAt: '700001', retried: finishedAt } });
  expect(await retry(bench.redis, bench.keys, [{ id: 'a', finishedAt: '700001' }])).toEqual(['retried']);
  expect(await bench.state()).toMatchObject({ 'command:a': { status: 'PENDING', retried: '700001' } });
});

test('a life is counted anew: its losses, its failures, a request to stop; its attempts go on', async () => {
  await bench.seed({
    ...oneFailed,
    'command:a': {
      ...failure,
      attempt: '4',
      losses: '2',
      failures: '2',
      cancelRequestedAt: '5',
      waitingFor: 'X',
    },
  });
  await run('a');
  const { 'command:a': command } = await bench.state();
  expect(command).toEqual({ ...retried['command:a'], attempt: '4' });
  const reply = await start(bench.redis, bench.keys, asAgent1);
  expect(reply).toMatchObject({ started: [{ id: 'a', attempt: 5 }] });
});

test('what expired does not expire again', async () => {
  const expired = { ...failure, executed: 'no', expiresAt: 'now-1000', error: { ...error, code: 'EXPIRED' } };
  await bench.seed({ ...oneFailed, 'command:a': expired });
  await run('a');
  const state = await bench.state();
  expect(state).not.toHaveProperty('expiring');
  expect(state['command:a']).not.toHaveProperty('expiresAt');
  expect(await start(bench.redis, bench.keys, asAgent1)).toMatchObject({ started: [{ id: 'a' }] });
});

test('what was cancelled before its time still waits for that', async () => {
  await bench.seed({ ...oneFailed, 'command:a': { ...failure, entry: '', runAt: 'now+60000' } });
  await run('a');
  expect(await bench.state()).toMatchObject({
    'command:a': { status: 'PENDING', entry: '', runAt: 'now+60000' },
    scheduled: { zset: [['a', 'now+60000']] },
    'commands:default': oneFailed['commands:default'],
  });
});

test('a runAt that is over goes', async () => {
  await bench.seed({ ...oneFailed, 'command:a': { ...failure, runAt: 'now-1000' } });
  await run('a');
  expect(await bench.state()).toEqual(retried);
});

describe('a retry of a life whose end was not reported', () => {
  const lost = {
    ...without(failure, 'reported'),
    executed: 'unknown',
    losses: '1',
    error: { code: 'AGENT_LOST', message: 'agent-1 vanished during attempt 1' },
  } as unknown as typeof failure;
  const zombie = reportOf(completed);

  test('the history names no session and no status', async () => {
    await bench.seed({ ...oneFailed, 'command:a': lost });
    await run('a');
    expect(await bench.state()).toMatchObject({
      'command:a': { status: 'PENDING', executed: 'unknown' },
      'history:a': { list: [{ why: 'retried', attempt: 1, session: '', status: null }] },
    });
  });

  test('its agent is too late, also beside the next attempt', async () => {
    await bench.seed({ ...oneFailed, 'command:a': lost });
    await run('a');
    await start(bench.redis, bench.keys, { ...asAgent1, agentId: 'agent-2', session: 'i2.1' });
    expect(await report(bench.redis, bench.keys, [zombie, { ...zombie, session: '' }])).toEqual([
      'late',
      'late',
    ]);
    expect(await bench.state()).toMatchObject({ 'command:a': { status: 'RUNNING', attempt: '2' } });
  });

  test('its command is shown as one that may still run', async () => {
    await bench.seed({ ...oneFailed, 'command:a': lost, 'command:b': failure });
    const seen = await seeCommands(bench.redis, bench.keys, ['a', 'b', 'none']);
    expect(seen).toEqual([
      { id: 'a', status: 'FAILED', attempt: 1, retried: '', finishedAt, mayStillRun: true },
      { id: 'b', status: 'FAILED', attempt: 1, retried: '', finishedAt, mayStillRun: false },
      undefined,
    ]);
  });
});

test.each([
  ['while the new life waits', false],
  ['when its next attempt has reported', true],
])('the report that had ended the old life, sent again %s, is known', async (_, goesOn) => {
  await bench.seed(oneFailed);
  await run('a');
  if (goesOn) {
    await start(bench.redis, bench.keys, asAgent1);
    await report(bench.redis, bench.keys, [reportOf(completed, { attempt: 2 })]);
  }
  expect(await report(bench.redis, bench.keys, [reportOf(failed)])).toEqual(['again']);
  expect(await bench.state()).toMatchObject({ 'history:a': retried['history:a'] });
});

test('a request to stop of the old life does not hit the new one', async () => {
  await bench.seed(oneFailed);
  await run('a');
  expect(await cancel(bench.redis, bench.keys, [{ id: 'a', attempt: 1, retried: '' }])).toEqual(['refused']);
  expect(await bench.state()).toEqual(retried);
});

test('keeps a long outcome short', async () => {
  const long = { code: 'TIMEOUT', message: 'x'.repeat(5000) };
  const state = { ...oneFailed, 'command:a': { ...failure, result: `"${'y'.repeat(5000)}"`, error: long } };
  await bench.seed(state);
  await run('a');
  const bytes = JSON.stringify(long).length;
  expect(await bench.state()).toMatchObject({
    'history:a': {
      list: [
        {
          result: '"(5002 bytes, not kept)"',
          error: expect.stringContaining('"code":"TIMEOUT"') as string,
        },
      ],
    },
  });
  const [item] = await bench.redis.lrange(bench.keys.history('a'), 0, 0);
  expect(item).toContain(`(${bytes} bytes, not kept)`);
});

test.each<[string, RedisState]>([
  ['PENDING', { 'command:a': { ...running, status: 'PENDING' } }],
  ['RUNNING', oneRunning],
  ['COMPLETED', { 'command:a': { ...running, status: 'COMPLETED', finishedAt } }],
  ['FAILED, by another failure', { 'command:a': { ...failure, finishedAt: '700001' } }],
])('is refused for one that is %s', async (_, state) => {
  await bench.seed(state);
  expect(await run('a')).toEqual(['refused']);
  expect(await bench.state()).toEqual(state);
  expect(await bench.events()).toEqual([]);
});

test('a retry is refused in the millisecond of the failure: the next one would look the same', async () => {
  // The very script, called in the millisecond in which the command has failed.
  const read = (file: string) => readFileSync(join(__dirname, file), 'utf8');
  const [first = '', ...rest] = read('retry.lua').split('\n');
  const failNow = `
    local time = redis.call('TIME')
    local ARGV = { '1', 'a', string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)) }
    redis.call('HSET', KEYS[1] .. 'command:a', 'finishedAt', ARGV[3])`;
  const script = [first, failNow, read('prelude.lua'), ...rest].join('\n');
  const words: unknown[] = [];
  // Now and then a millisecond ends in between.
  for (let tries = 0; tries < 20 && !words.includes('refused'); tries++) {
    await bench.seed(oneFailed);
    const [, answer] = (await bench.redis.eval(script, 1, bench.keys.root)) as [number, string[]];
    words.push(...answer);
  }
  expect(words).toContain('refused');
  expect(await bench.state()).toMatchObject({ 'command:a': { status: 'FAILED' }, counts: { FAILED: '1' } });
});

test.each<[string, RedisState]>([
  ['gone', {}],
  ['broken', { 'command:a': 'x' }],
  ['broken', { ...oneFailed, 'command:a': { ...failure, attempt: 'x' } }],
  ['broken', { ...oneFailed, 'commands:default': 'x' }],
  ['broken', { ...oneFailed, 'command:a': { ...failure, runAt: 'now+60000' }, scheduled: 'x' }],
])('says %s, and changes nothing, where a key is not what it should be', async (word, state) => {
  await bench.seed(state);
  expect(await run('a')).toEqual([word]);
  expect(await bench.state()).toEqual(state);
});

test('says broken when a stray entry used up the stream', async () => {
  const state: RedisState = {
    ...oneFailed,
    'commands:default': { stream: [['18446744073709551615-18446744073709551615', { id: 'x' }]] },
  };
  await bench.seed(state);
  const before = await bench.state();
  expect(await run('a')).toEqual(['broken']);
  expect(await bench.state()).toEqual(before);
});

test.each<[string, RedisState]>([
  ['history', { 'history:a': 'x' }],
  ['index:failed', { 'index:failed': 'x' }],
  ['counts', { counts: 'x' }],
])('retries also beside a key of a foreign kind: %s', async (_, keys) => {
  await bench.seed({ ...oneFailed, ...keys });
  expect(await run('a')).toEqual(['retried']);
  expect(await bench.state()).toMatchObject({ ...keys, 'command:a': retried['command:a'] });
});

test('a batch treats each by itself', async () => {
  await bench.seed({ ...oneFailed, 'command:odd': 'x', 'command:b': { ...running, entry: '1-9' } });
  expect(await run('odd', 'b', 'gone', 'a')).toEqual(['broken', 'refused', 'gone', 'retried']);
});

test('is new work, which a full Redis refuses', async () => {
  await bench.seed(oneFailed);
  await expect(bench.whenFull(() => run('a'))).rejects.toThrow(/OOM/);
  expect(await bench.state()).toEqual(oneFailed);
});
