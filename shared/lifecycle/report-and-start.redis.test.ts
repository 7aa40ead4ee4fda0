import {
  asAgent1,
  completed,
  marker,
  oneRunning,
  pending,
  reportOf,
  running,
  session,
} from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { report, reportAndStart, start, type StartOptions, type StartReply } from './transitions.js';

// `report` and `start` as one step: what each of them does is tested by itself.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

/** `a` runs, `b`, `c` and `d` wait. */
const oneRunsThreeWait: RedisState = {
  'command:a': running,
  'command:b': { ...pending, entry: '1-2' },
  'command:c': { ...pending, entry: '1-3' },
  'command:d': { ...pending, entry: '1-4' },
  'commands:default': {
    stream: ['a', 'b', 'c', 'd'].map((id, i) => [`1-${i + 1}`, { id }] as const),
    delivered: '1-1',
    pending: [['1-1', 'agent-1', 'now']],
  },
  'exec:a': marker,
  counts: { PENDING: '3', RUNNING: '1' },
};

const demand: StartOptions = { ...asAgent1, limit: 3 };
const reports = [reportOf(completed)];
const startedBy = (reply: StartReply | undefined) =>
  reply?.word === 'ok' ? reply.started.map(({ id }) => id) : reply?.word;

test('leaves what the two leave that are sent one after the other, and publishes it once', async () => {
  await bench.seed(oneRunsThreeWait);
  const apart = {
    words: await report(bench.redis, bench.keys, reports),
    started: startedBy(await start(bench.redis, bench.keys, demand)),
    state: await bench.state(),
  };
  await bench.seed(oneRunsThreeWait);
  const { words, started } = await reportAndStart(bench.redis, bench.keys, reports, demand);
  expect({ words, started: startedBy(started), state: await bench.state() }).toEqual(apart);
  expect(apart.started).toEqual(['b', 'c', 'd']);
  expect(await bench.events()).toEqual([['a COMPLETED 1', 'b RUNNING 1', 'c RUNNING 1', 'd RUNNING 1']]);
});

test('has its reports stored and answered when a newer session starts nothing for it', async () => {
  const state = { ...oneRunsThreeWait, 'session:agent-1': 'i1.2' };
  await bench.seed(state);
  const { words, started } = await reportAndStart(bench.redis, bench.keys, reports, demand);
  expect({ words, started }).toEqual({ words: ['accepted'], started: { word: 'old-session' } });
  expect(await bench.state()).toMatchObject({
    'command:a': { status: 'COMPLETED' },
    'command:b': { status: 'PENDING' },
    counts: { PENDING: '3', RUNNING: '0', COMPLETED: '1' },
  });
  expect(await bench.events()).toEqual([['a COMPLETED 1']]);
});

test('has its reports stored, counted and answered when starting fails', async () => {
  await bench.seed({ ...oneRunsThreeWait, 'session:agent-1': session });
  await bench.redis.call('ACL', 'SETUSER', 'default', '-xreadgroup');
  try {
    const { words, started } = await reportAndStart(bench.redis, bench.keys, reports, demand);
    expect({ words, started }).toEqual({ words: ['accepted'], started: undefined });
  } finally {
    await bench.redis.call('ACL', 'SETUSER', 'default', '+xreadgroup');
  }
  expect(await bench.state()).toMatchObject({
    'command:a': { status: 'COMPLETED' },
    counts: { PENDING: '3', RUNNING: '0', COMPLETED: '1' },
  });
  expect(await bench.events()).toEqual([['a COMPLETED 1']]);
});

test('sent twice, it reports once and gives again what it started', async () => {
  await bench.seed(oneRunsThreeWait);
  await reportAndStart(bench.redis, bench.keys, reports, demand);
  const state = await bench.state();
  const { words, started } = await reportAndStart(bench.redis, bench.keys, reports, demand);
  expect({ words, started: startedBy(started) }).toEqual({ words: ['again'], started: ['b', 'c', 'd'] });
  expect(await bench.state()).toEqual(state);
});

test('a marker in the way of one keeps none of the others from being started', async () => {
  await bench.seed({ ...oneRunsThreeWait, 'exec:c': '7:agent-2:i2.1' });
  const { started } = await reportAndStart(bench.redis, bench.keys, reports, demand);
  expect(startedBy(started)).toEqual(['b', 'd']);
  expect(await bench.state()).toMatchObject({
    'command:c': { status: 'PENDING' },
    'exec:b': marker,
    'exec:c': '7:agent-2:i2.1',
    'exec:d': marker,
  });
});

test('a marker that is no string keeps no report of the others out', async () => {
  const state = { ...oneRunsThreeWait, 'command:b': { ...running, entry: '1-2' }, 'exec:b': { list: ['x'] } };
  await bench.seed(state);
  const both = [reportOf(completed), reportOf(completed, { id: 'b' })];
  expect(await report(bench.redis, bench.keys, both)).toEqual(['accepted', 'broken']);
});

test('works without anything to report, like a start', async () => {
  await bench.seed(oneRunning);
  const { words, started } = await reportAndStart(bench.redis, bench.keys, [], demand);
  expect({ words, started: startedBy(started) }).toEqual({ words: [], started: ['a'] });
});
