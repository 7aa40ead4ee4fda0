import {
  completed,
  failed,
  reportOf,
  emptied,
  marker,
  oneRunning,
  pending,
  running,
  without,
} from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { type Outcome, report, type Report } from './transitions.js';

// Outcomes that are accepted. Those after which the command is tried again: report-retry; what is
// refused: report-late.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const error = { code: 'EXECUTION_FAILED', message: 'no luck' };

const send = (...reports: Report[]) => report(bench.redis, bench.keys, reports);

const ended = without({ ...oneRunning, 'commands:default': emptied }, 'exec:a');
const afterCompleted = {
  ...ended,
  'command:a': {
    ...running,
    status: 'COMPLETED',
    result: '{"ok":true}',
    reported: marker,
    finishedAt: 'now',
  },
  counts: { RUNNING: '0', COMPLETED: '1' },
};
const afterFailed = {
  ...ended,
  'command:a': {
    ...running,
    status: 'FAILED',
    error,
    executed: 'yes',
    failures: '1',
    reported: marker,
    finishedAt: 'now',
  },
  counts: { RUNNING: '0', FAILED: '1' },
  'index:failed': { zset: [['a', '1']] },
} as const satisfies RedisState;

test.each([
  ['with the ticket of its delivery', 'default/1-1'],
  ['without a ticket, as agents of earlier versions send it,', undefined],
])('COMPLETED %s stores the result, ends the command and acknowledges its entry', async (_, ticket) => {
  await bench.seed(oneRunning);
  expect(await send(reportOf(completed, { ticket }))).toEqual(['accepted']);
  expect(await bench.state()).toEqual(afterCompleted);
  expect(await bench.events()).toEqual([['a COMPLETED 1']]);
});

test('FAILED stores the error, and is listed among the failed', async () => {
  await bench.seed(oneRunning);
  expect(await send(reportOf(failed))).toEqual(['accepted']);
  expect(await bench.state()).toEqual(afterFailed);
  expect(await bench.events()).toEqual([['a FAILED 1']]);
});

test('FAILED is listed by this moment where the index has lost the command', async () => {
  await bench.seed(without(oneRunning, 'index'));
  expect(await send(reportOf(failed))).toEqual(['accepted']);
  expect(await bench.state()).toMatchObject({ 'index:failed': { zset: [['a', 'now']] } });
});

test('FAILED keeps a result that came with the error', async () => {
  await bench.seed(oneRunning);
  expect(await send(reportOf({ ...failed, result: '{"status":0}' }))).toEqual(['accepted']);
  expect(await bench.state()).toMatchObject({ 'command:a': { result: '{"status":0}', error } });
});

test.each<[string, string | undefined, 'no' | 'unknown' | 'yes', string]>([
  ['is what the agent says', undefined, 'no', 'no'],
  ['is raised by what the agent says', 'no', 'yes', 'yes'],
  ['is raised from unknown to yes', 'unknown', 'yes', 'yes'],
  ['is not lowered from yes', 'yes', 'no', 'yes'],
  ['is not lowered from unknown', 'unknown', 'no', 'unknown'],
  ['counts as no when it is corrupted', 'perhaps', 'unknown', 'unknown'],
])('executed %s', async (_, before, told, after) => {
  await bench.seed({ ...oneRunning, 'command:a': { ...running, ...(before && { executed: before }) } });
  await send(reportOf({ ...failed, executed: told }));
  expect(await bench.state()).toMatchObject({ 'command:a': { executed: after } });
});

describe('the same report sent twice', () => {
  test.each<[string, Outcome, RedisState]>([
    ['COMPLETED', completed, afterCompleted],
    ['FAILED', failed, afterFailed],
  ])('%s: changes nothing the second time', async (_, outcome, after) => {
    await bench.seed(oneRunning);
    await send(reportOf(outcome));
    await bench.events();
    expect(await send(reportOf(outcome))).toEqual(['again']);
    expect(await bench.state()).toEqual(after);
    expect(await bench.events()).toEqual([]);
  });

  test('in one batch: is accepted once', async () => {
    await bench.seed(oneRunning);
    expect(await send(reportOf(completed), reportOf(completed))).toEqual(['accepted', 'again']);
    expect(await bench.state()).toEqual(afterCompleted);
    expect(await bench.events()).toEqual([['a COMPLETED 1']]);
  });
});

test('accepts a report while recovery has claimed the entry and not yet acted', async () => {
  const claimed = { ...oneRunning['commands:default'], pending: [['1-1', '~recovery', 'now-1000']] } as const;
  await bench.seed({ ...oneRunning, 'commands:default': claimed });
  expect(await send(reportOf(completed))).toEqual(['accepted']);
  expect(await bench.state()).toEqual(afterCompleted);
});

test.each<[string, Partial<Report>, string]>([
  ['the attempt, while the first is running', { attempt: undefined }, marker],
  ['the session of a start without one', { session: '' }, '1:agent-1:'],
  ['both, of a start without a session', { session: '', attempt: undefined }, '1:agent-1:'],
])('accepts a report that leaves out %s', async (_, more, marker) => {
  await bench.seed({ ...oneRunning, 'exec:a': marker });
  expect(await send(reportOf(completed, more))).toEqual(['accepted']);
  const after = { ...afterCompleted, 'command:a': { ...afterCompleted['command:a'], reported: marker } };
  expect(await bench.state()).toEqual(after);
  expect(await send(reportOf(completed, more))).toEqual(['again']);
  expect(await bench.state()).toEqual(after);
});

// Otherwise any client that knows an agent's name could end its work.
test.each([{ session: '' }, { session: '', attempt: undefined }])(
  'a report without a session does not end what a session runs: %j',
  async (more) => {
    await bench.seed(oneRunning);
    expect(await send(reportOf(completed, more))).toEqual(['late']);
    expect(await bench.redis.hget(bench.keys.command('a'), 'status')).toBe('RUNNING');
  },
);

test('a batch where items are gone, late and broken accepts the others', async () => {
  await bench.seed({
    ...oneRunning,
    'command:late': { ...pending, entry: '1-2' },
    'command:odd': 'x',
    'command:b': { ...running, entry: '1-3' },
    'exec:b': marker,
    'commands:default': {
      stream: [
        ['1-1', { id: 'a' }],
        ['1-2', { id: 'late' }],
        ['1-3', { id: 'b' }],
      ],
      delivered: '1-3',
      pending: [
        ['1-1', 'agent-1', 'now-5000'],
        ['1-3', 'agent-1', 'now-5000'],
      ],
    },
    counts: { RUNNING: '2', PENDING: '1' },
  });
  const ids = ['gone', 'a', 'late', 'odd', 'b'];
  expect(await send(...ids.map((id) => reportOf(completed, { id })))).toEqual([
    'gone',
    'accepted',
    'late',
    'broken',
    'accepted',
  ]);
  expect(await bench.state()).toMatchObject({
    'commands:default': { stream: [['1-2', { id: 'late' }]], pending: [] },
    counts: { RUNNING: '0', PENDING: '1', COMPLETED: '2' },
  });
  expect(await bench.events()).toEqual([['a COMPLETED 1', 'b COMPLETED 1']]);
});

test('takes a batch of a thousand', async () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `c${i}`);
  await bench.seed({
    ...Object.fromEntries(ids.map((id) => [`command:${id}`, running])),
    ...Object.fromEntries(ids.map((id) => [`exec:${id}`, marker])),
    counts: { RUNNING: '1000' },
  });
  expect(await send(...ids.map((id) => reportOf(failed, { id })))).toEqual(ids.map(() => 'accepted'));
  expect(await bench.redis.hgetall(bench.keys.counts)).toEqual({ RUNNING: '0', FAILED: '1000' });
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed(oneRunning);
  expect(await bench.whenFull(() => send(reportOf(completed)))).toEqual(['accepted']);
  expect(await bench.state()).toEqual(afterCompleted);
});

test('costs only its message where an ACL forbids the channel', async () => {
  await bench.seed(oneRunning);
  const user = ['quiet', 'on', '>secret', '~*', 'resetchannels', '+@all'] as const;
  await bench.redis.call('ACL', 'SETUSER', ...user);
  const quiet = bench.server.client({ username: 'quiet', password: 'secret' });
  expect(await report(quiet, bench.keys, [reportOf(completed)])).toEqual(['accepted']);
  expect(await bench.state()).toEqual(afterCompleted);
  expect(await bench.events()).toEqual([]);
});

describe('keys of a foreign kind do not lose an outcome', () => {
  test.each<[string, RedisState]>([
    ['the stream', { 'commands:default': 'x' }],
    ['counts', { counts: 'x' }],
    ['scheduled', { scheduled: 'x' }],
    ['expiring', { expiring: 'x' }],
    ['index', { index: 'x' }],
    ['index:failed', { 'index:failed': 'x' }],
    ['history', { 'history:a': 'x' }],
  ])('%s', async (_, keys) => {
    await bench.seed({ ...oneRunning, ...keys });
    expect(await send(reportOf(failed))).toEqual(['accepted']);
    expect(await bench.state()).toMatchObject({ ...keys, 'command:a': { status: 'FAILED', error } });
    expect(await bench.events()).toEqual([['a FAILED 1']]);
  });

  test.each<[string, RedisState]>([
    ['the marker, which cannot be compared', { 'exec:a': { list: ['x'] } }],
    ['the hash', { 'command:a': 'x' }],
    ['a number in the hash', { 'command:a': { ...running, failures: 'many' } }],
  ])('but its report is broken, for an operator to mend, where it is %s', async (_, keys) => {
    const state = { ...oneRunning, ...keys };
    await bench.seed(state);
    expect(await send(reportOf(failed))).toEqual(['broken']);
    expect(await bench.state()).toEqual(state);
    expect(await bench.events()).toEqual([]);
  });
});
