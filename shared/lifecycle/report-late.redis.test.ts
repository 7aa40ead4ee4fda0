import {
  completed,
  failed,
  reportOf,
  marker,
  oneRunning,
  pending,
  running,
  session,
} from '../../testing/command-fixtures.js';
import { type JsonObject } from '../../testing/redis-state-clock.js';
import { type HashState, type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { type Outcome, report, type Report } from './transitions.js';

// Reports that change nothing of their command: late, resent long after, of commands that are gone.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const retryable: Outcome = { ...failed, retryable: true };

const of = (more: Partial<Report> = {}) => reportOf(completed, more);
const send = (...reports: Report[]) => report(bench.redis, bench.keys, reports);

const evidence = (more: JsonObject = {}): JsonObject => ({
  why: 'late',
  at: 'now',
  attempt: 1,
  agentId: 'agent-1',
  session,
  status: 'COMPLETED',
  result: '{"ok":true}',
  error: null,
  ...more,
});

const second = `2:agent-2:i2.1`;
const secondRuns: RedisState = {
  ...oneRunning,
  'command:a': { ...running, attempt: '2', agentId: 'agent-2' },
  'exec:a': second,
};
const waitsAgain: RedisState = {
  'command:a': { ...pending, attempt: '1', entry: '2-1' },
  counts: { PENDING: '1' },
};
const ended = (fields: HashState): RedisState => ({
  'command:a': { ...running, status: 'COMPLETED', result: '"other"', finishedAt: 'now-1000', ...fields },
  counts: { COMPLETED: '1' },
});

test.each<[string, RedisState, Partial<Report>, JsonObject]>([
  ['of another session', oneRunning, { session: 'i1.0' }, { session: 'i1.0' }],
  ['of another agent', oneRunning, { agentId: 'agent-2' }, { agentId: 'agent-2' }],
  ['of an attempt that never was', oneRunning, { attempt: 2 }, { attempt: 2 }],
  ['of an attempt whose number merely begins alike', oneRunning, { attempt: 11 }, { attempt: 11 }],
  [
    'of an agent whose name merely begins alike',
    oneRunning,
    { agentId: 'agent', session: '' },
    { agentId: 'agent', session: '' },
  ],
  // The command was deleted, and submitted anew with its key, and the same session has started it again.
  [
    'of another delivery of the same attempt',
    oneRunning,
    { ticket: 'default/1-0' },
    { ticket: 'default/1-0' },
  ],
  ['of a delivery by another queue', oneRunning, { ticket: 'other/1-1' }, { ticket: 'other/1-1' }],
  ['after the command was put back', waitsAgain, {}, {}],
  ['after the next attempt began', secondRuns, {}, {}],
  ['after another outcome was accepted', ended({ attempt: '2', reported: second }), {}, {}],
  ['after the attempt was declared lost', ended({ status: 'FAILED' }), {}, {}],
  ['of a RUNNING command whose marker is gone', { 'command:a': running, counts: { RUNNING: '1' } }, {}, {}],
  [
    'without an attempt, while the second is running, though the first was accepted: it may mean either',
    { ...secondRuns, 'command:a': { ...running, attempt: '2', reported: marker } },
    { attempt: undefined },
    { attempt: 0 },
  ],
  [
    'without an attempt, of another agent',
    oneRunning,
    { attempt: undefined, agentId: 'b' },
    { agentId: 'b' },
  ],
  ['without an attempt, after the command was put back', waitsAgain, { attempt: undefined }, {}],
])('refuses a report %s, and keeps it once as evidence', async (_, state, more, item) => {
  await bench.seed(state);
  const after = { ...state, 'history:a': { list: [evidence(item)] } };
  expect(await send(of(more))).toEqual(['late']);
  expect(await bench.state()).toEqual(after);
  expect(await send(of(more))).toEqual(['late']);
  expect(await bench.state()).toEqual(after);
  expect(await bench.events()).toEqual([]);
});

test('a late report of a former delivery does not hide one of the present delivery', async () => {
  const earlier = evidence({ ticket: 'default/1-0' });
  const state = { ...waitsAgain, 'history:a': { list: [earlier] } };
  await bench.seed(state);
  expect(await send(of({ ticket: 'default/1-1' }))).toEqual(['late']);
  const after = { ...state, 'history:a': { list: [evidence({ ticket: 'default/1-1' }), earlier] } };
  expect(await bench.state()).toEqual(after);
});

test('a command that does not exist, or was pruned, is gone: nothing is kept', async () => {
  await bench.seed({ 'exec:a': marker });
  expect(await send(of())).toEqual(['gone']);
  expect(await bench.state()).toEqual({ 'exec:a': marker });
});

describe('a report that was accepted before is answered so', () => {
  const kept = evidence({ why: 'failed', status: 'FAILED', at: 'now-1000' });

  test.each<[string, RedisState, Partial<Report>]>([
    [
      'after its command was put back',
      { ...waitsAgain, 'command:a': { ...pending, attempt: '1', reported: marker } },
      {},
    ],
    [
      'after the next attempt began',
      { ...secondRuns, 'command:a': { ...running, attempt: '2', reported: marker } },
      {},
    ],
    [
      'after an operator’s retry, also without an attempt',
      { ...waitsAgain, 'command:a': { ...pending, attempt: '1', reported: marker } },
      { attempt: undefined },
    ],
    [
      'after the outcome of the next attempt was accepted',
      { ...ended({ attempt: '2', reported: second }), 'history:a': { list: [kept] } },
      {},
    ],
  ])('%s', async (_, state, more) => {
    await bench.seed(state);
    expect(await send(of({ ...more, outcome: retryable }))).toEqual(['again']);
    expect(await bench.state()).toEqual(state);
    expect(await bench.events()).toEqual([]);
  });

  test('but not the report of another session', async () => {
    const state = { ...ended({ attempt: '2', reported: second }), 'history:a': { list: [kept] } };
    await bench.seed(state);
    expect(await send(of({ session: 'i1.0' }))).toEqual(['late']);
    expect(await bench.state()).toEqual({
      ...state,
      'history:a': { list: [evidence({ session: 'i1.0' }), kept] },
    });
  });
});

describe('the history', () => {
  test('keeps one late report of each session', async () => {
    await bench.seed(waitsAgain);
    for (const session of ['i1.1', 'i1.2', 'i1.1', 'i1.2']) await send(of({ session }));
    expect(await bench.state()).toEqual({
      ...waitsAgain,
      'history:a': { list: [evidence({ session: 'i1.2' }), evidence({ session: 'i1.1' })] },
    });
  });

  test('keeps the latest twenty', async () => {
    await bench.seed(waitsAgain);
    for (let attempt = 2; attempt < 30; attempt++) await send(of({ attempt }));
    const items = await bench.redis.lrange(bench.keys.history('a'), 0, -1);
    const attempts = items.map((item) => (JSON.parse(item) as { attempt: number }).attempt);
    expect(attempts).toEqual(Array.from({ length: 20 }, (_, i) => 29 - i));
  });

  test('may hold what others wrote', async () => {
    const foreign = ['x', '7', 'null', '"late"', '[]', '{', '{"why":"late","attempt":"1"}'];
    await bench.seed(waitsAgain);
    await bench.redis.rpush(bench.keys.history('a'), ...foreign);
    expect(await send(of())).toEqual(['late']);
    expect(await bench.redis.lrange(bench.keys.history('a'), 1, -1)).toEqual(foreign);
  });

  test('that is no list keeps nothing', async () => {
    const state = { ...waitsAgain, 'history:a': 'x' };
    await bench.seed(state);
    expect(await send(of())).toEqual(['late']);
    expect(await bench.state()).toEqual(state);
  });

  test.each<[string, Outcome, JsonObject]>([
    [
      'result',
      { status: 'COMPLETED', result: `"${'x'.repeat(5000)}"` },
      { result: '"(5002 bytes, not kept)"' },
    ],
    [
      'message, but not its code',
      { ...failed, code: 'TIMEOUT', message: 'x'.repeat(5000) },
      { result: null, error: '{"code":"TIMEOUT","message":"(5031 bytes, not kept)"}' },
    ],
    [
      'message that is no Unicode',
      { ...failed, code: 'TIMEOUT', message: '\ud800'.repeat(1000) },
      { result: null, error: '{"code":"TIMEOUT","message":"(6031 bytes, not kept)"}' },
    ],
  ])('cuts off a long %s', async (_, outcome, parts) => {
    await bench.seed(waitsAgain);
    expect(await send(of({ outcome }))).toEqual(['late']);
    const [item] = await bench.redis.lrange(bench.keys.history('a'), 0, -1);
    const kept = JSON.parse(item ?? '') as Record<string, unknown>;
    expect(parseError(kept)).toMatchObject(parseError({ ...kept, ...parts }));
  });
});

/** The order of names in the script's JSON is not fixed. */
function parseError(item: Record<string, unknown>): Record<string, unknown> {
  return typeof item.error === 'string' ? { ...item, error: JSON.parse(item.error) as unknown } : item;
}

test('a late FAILED report keeps its error', async () => {
  await bench.seed(waitsAgain);
  expect(await send(of({ outcome: retryable }))).toEqual(['late']);
  const error = JSON.stringify({ code: failed.code, message: failed.message });
  expect(await bench.state()).toEqual({
    ...waitsAgain,
    'history:a': { list: [evidence({ status: 'FAILED', result: null, error })] },
  });
});
