import {
  completed,
  emptied,
  failed,
  marker,
  oneRunning,
  reportOf,
  running,
  session,
  without,
} from '../../testing/command-fixtures.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { type Outcome, report, type Report } from './transitions.js';

// An agent gave its attempt up, because it could not renew its lease: the lost-agent policy applies.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const send = (...reports: Report[]) => report(bench.redis, bench.keys, reports);
const lost: Outcome = { ...failed, code: 'AGENT_LOST', message: 'its lease could not be renewed' };
const retried = { ...running, onAgentLost: 'retry', maxAttempts: '5' };

test('onAgentLost retry: another attempt, a loss, and no failure; the same again when sent twice', async () => {
  await bench.seed({ ...oneRunning, 'command:a': retried });
  expect(await send(reportOf(lost))).toEqual(['accepted']);
  const putBack = {
    ...without(oneRunning, 'exec:a'),
    'command:a': {
      ...retried,
      status: 'PENDING',
      entry: 'new1',
      losses: '1',
      executed: 'yes',
      reported: marker,
    },
    'commands:default': { ...emptied, stream: [['new1', { id: 'a' }]] },
    counts: { PENDING: '1', RUNNING: '0' },
    'history:a': {
      list: [
        {
          why: 'lost',
          at: 'now',
          attempt: 1,
          agentId: 'agent-1',
          session,
          status: 'FAILED',
          result: null,
          error: expect.stringContaining('agent-1 lost its lease') as string,
        },
      ],
    },
  };
  expect(await bench.state()).toEqual(putBack);
  expect(await bench.events()).toEqual([['a PENDING 1']]);
  expect(await send(reportOf(lost))).toEqual(['again']);
  expect(await bench.state()).toEqual(putBack);
});

test('sent again when the next attempt has ended, it is still the one that was accepted', async () => {
  await bench.seed({ ...oneRunning, 'command:a': retried });
  await send(reportOf(lost));
  const entry = (await bench.redis.hget(bench.keys.command('a'), 'entry')) ?? '';
  await bench.redis.hset(bench.keys.command('a'), { status: 'RUNNING', attempt: '2', entry });
  await bench.redis.set(bench.keys.marker('a'), '2:agent-2:i2.1');
  const second = reportOf(completed, { agentId: 'agent-2', session: 'i2.1', attempt: 2 });
  expect(await send(second)).toEqual(['accepted']);
  expect(await send(reportOf(lost))).toEqual(['again']);
  expect(await bench.redis.llen(bench.keys.history('a'))).toBe(1);
});

test.each([
  ['fail', {}],
  ['retry, and it was the last loss', { onAgentLost: 'retry', maxLosses: '1' }],
])('onAgentLost %s: FAILED, and executed says yes', async (_, fields) => {
  await bench.seed({ ...oneRunning, 'command:a': { ...running, ...fields } });
  expect(await send(reportOf(lost))).toEqual(['accepted']);
  const hash = await bench.redis.hgetall(bench.keys.command('a'));
  expect(hash).toMatchObject({ status: 'FAILED', losses: '1', executed: 'yes', reported: marker });
  expect(JSON.parse(hash.error ?? '')).toMatchObject({ code: 'AGENT_LOST' });
});

test('late when another attempt has begun: kept as evidence, like any other', async () => {
  await bench.seed({ ...oneRunning, 'command:a': { ...retried, attempt: '2' }, 'exec:a': '2:agent-2:i2.1' });
  expect(await send(reportOf(lost))).toEqual(['late']);
  expect(await bench.state()).toMatchObject({ 'history:a': { list: [{ why: 'late', attempt: 1 }] } });
});
