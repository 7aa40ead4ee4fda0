import {
  asAgent1,
  startedA,
  emptied,
  marker,
  onePending,
  oneRunning,
  pending,
  running,
  session,
} from '../../testing/command-fixtures.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { start, type StartOptions } from './transitions.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const ask = (options: Partial<StartOptions> = {}) =>
  start(bench.redis, bench.keys, { ...asAgent1, ...options });

const ok = (started: object[], waiting: object[] = []) => ({
  word: 'ok',
  now: expect.any(Number) as number,
  started,
  waiting,
  paused: [],
  more: false,
});

const afterStart = {
  ...onePending,
  'command:a': { ...running, startedAt: 'now' },
  'commands:default': {
    stream: [['1-1', { id: 'a' }]],
    delivered: '1-1',
    pending: [['1-1', 'agent-1', 'now']],
  },
  'exec:a': marker,
  counts: { PENDING: '0', RUNNING: '1' },
};

test('starts a waiting command: marker, status, attempt, agent, and one message', async () => {
  await bench.seed(onePending);
  expect(await ask()).toEqual(ok([startedA]));
  expect(await bench.state()).toEqual(afterStart);
  expect(await bench.events()).toEqual([['a RUNNING 1']]);
});

test('hands over timeoutMs and onAgentLost where the command has them', async () => {
  await bench.seed({ ...onePending, 'command:a': { ...pending, timeoutMs: '250', onAgentLost: 'retry' } });
  expect(await ask()).toEqual(ok([{ ...startedA, timeoutMs: 250, onAgentLost: 'retry' }]));
});

test('raises the attempt of a command that was put back', async () => {
  await bench.seed({ ...onePending, 'command:a': { ...running, status: 'PENDING', attempt: '7' } });
  expect(await ask()).toEqual(ok([{ ...startedA, attempt: 8 }]));
  expect(await bench.state()).toMatchObject({
    'exec:a': `8:agent-1:${session}`,
    'command:a': { attempt: '8' },
  });
  expect(await bench.events()).toEqual([['a RUNNING 8']]);
});

test('leaves nothing behind of the name of a queue that never held a command', async () => {
  await bench.seed({});
  expect(await ask()).toEqual(ok([]));
  expect(await bench.state()).toEqual({});
  expect(await bench.events()).toEqual([]);
});

test('makes a deleted group anew from the beginning, so that what waits is found', async () => {
  await bench.seed({ ...onePending, 'commands:default': { stream: [['1-1', { id: 'a' }]] } });
  expect(await ask()).toEqual(ok([startedA]));
  expect(await bench.state()).toEqual(afterStart);
});

test('finds nothing in queues that hold nothing, and publishes nothing', async () => {
  await bench.seed({ 'commands:default': emptied });
  expect(await ask({ queues: ['default', 'other'], limit: 5 })).toEqual(ok([]));
  expect(await bench.events()).toEqual([]);
});

test('serves the queues in their order, up to the limit', async () => {
  await bench.seed({
    'command:a': pending,
    'command:b': { ...pending, entry: '1-2' },
    'command:c': { ...pending, queue: 'urgent' },
    'commands:default': {
      stream: [
        ['1-1', { id: 'a' }],
        ['1-2', { id: 'b' }],
      ],
      delivered: '0-0',
      pending: [],
    },
    'commands:urgent': { stream: [['1-1', { id: 'c' }]], delivered: '0-0', pending: [] },
    counts: { PENDING: '3' },
  });
  const reply = await ask({ queues: ['urgent', 'default'], limit: 2 });
  expect(reply).toEqual(ok([{ ...startedA, id: 'c', queue: 'urgent', entry: 'urgent/1-1' }, startedA]));
  expect(await bench.state()).toMatchObject({
    'command:b': { status: 'PENDING' },
    'commands:default': { delivered: '1-1' },
    counts: { PENDING: '1', RUNNING: '2' },
  });
  expect(await bench.events()).toEqual([['c RUNNING 1', 'a RUNNING 1']]);
});

describe('the session', () => {
  test('an older one is refused, and nothing is done', async () => {
    await bench.seed({ ...onePending, 'session:agent-1': 'i1.2' });
    expect(await ask()).toEqual({ word: 'old-session' });
    expect(await bench.state()).toEqual({ ...onePending, 'session:agent-1': 'i1.2' });
    expect(await bench.events()).toEqual([]);
  });

  test.each([
    ['the newest', { 'session:agent-1': session }, session],
    ['one of an agent that none was admitted for', {}, session],
    ["another agent's newest", { 'session:agent-2': 'i2.9' }, session],
    ['none, as of a caller by hand', { 'session:agent-1': 'i1.2' }, ''],
    ['one beside a key of a foreign type', { 'session:agent-1': { list: ['x'] } }, session],
  ])('%s is served', async (_, keys, session) => {
    await bench.seed({ ...onePending, ...keys });
    expect(await ask({ session })).toEqual(ok([startedA]));
    expect(await bench.state()).toEqual({ ...afterStart, ...keys, 'exec:a': `1:agent-1:${session}` });
  });
});

describe('the limit', () => {
  test('counts what the agent has in its hands', async () => {
    await bench.seed(onePending);
    expect(await ask({ limit: 2, inFlight: ['default/0-1', 'default/0-2'] })).toEqual(ok([]));
    expect(await bench.state()).toEqual(onePending);
  });

  test('is filled by what may be started beside that', async () => {
    await bench.seed(onePending);
    expect(await ask({ limit: 2, inFlight: ['default/0-1'] })).toEqual(ok([startedA]));
    expect(await bench.state()).toEqual(afterStart);
  });

  test('of 0 takes nothing', async () => {
    await bench.seed(onePending);
    expect(await ask({ limit: 0 })).toEqual(ok([]));
    expect(await bench.state()).toEqual(onePending);
  });

  test('is not exceeded by a call that arrives twice, its first answer lost', async () => {
    await bench.seed({
      ...onePending,
      'command:b': { ...pending, entry: '1-2' },
      'commands:default': {
        stream: [
          ['1-1', { id: 'a' }],
          ['1-2', { id: 'b' }],
        ],
        delivered: '0-0',
        pending: [],
      },
      counts: { PENDING: '2' },
    });
    expect(await ask()).toEqual(ok([startedA]));
    const once = await bench.state();
    await bench.events();
    expect(await ask()).toEqual(ok([startedA]));
    expect(await bench.state()).toEqual(once);
    expect(await bench.events()).toEqual([]);
  });
});

test('a call of the session that arrives late gives what it started to the next call', async () => {
  await bench.seed(onePending);
  await ask();
  expect(await ask({ inFlight: [] })).toEqual(ok([startedA]));
  expect(await bench.state()).toEqual(afterStart);
});

test('takes a batch of a thousand', async () => {
  const ids = Array.from({ length: 1000 }, (_, i) => `c${i}`);
  await bench.seed({
    'commands:default': {
      stream: ids.map((id, i) => [`1-${i + 1}`, { id }] as const),
      delivered: '0-0',
      pending: [],
    },
    counts: { PENDING: '1000' },
    ...Object.fromEntries(ids.map((id, i) => [`command:${id}`, { ...pending, entry: `1-${i + 1}` }])),
  });
  const reply = await ask({ limit: 1000 });
  expect(reply.word === 'ok' && reply.started.map(({ id }) => id)).toEqual(ids);
  expect(await bench.redis.hgetall(bench.keys.counts)).toEqual({ PENDING: '0', RUNNING: '1000' });
  expect((await bench.events()).map((lines) => lines.length)).toEqual([1000]);
});

test('works when Redis is full and has lost its scripts', async () => {
  await bench.seed(onePending);
  expect(await bench.whenFull(() => ask())).toEqual(ok([startedA]));
  expect(await bench.state()).toEqual(afterStart);
});

test('is not given what another agent executes', async () => {
  await bench.seed(oneRunning);
  expect(await ask({ agentId: 'agent-2', session: 'i2.1', limit: 5 })).toEqual(ok([]));
  expect(await bench.state()).toEqual(oneRunning);
});

test('does not start again what a group that was made anew delivers a second time', async () => {
  const stream = [['1-1', { id: 'a' }]] as const;
  await bench.seed({ ...oneRunning, 'commands:default': { stream } });
  expect(await ask({ agentId: 'agent-2', session: 'i2.1' })).toEqual(ok([]));
  // The agent that executes it takes the entry back when it renews.
  expect(await bench.state()).toEqual({
    ...oneRunning,
    'commands:default': { stream, delivered: '1-1', pending: [['1-1', 'agent-2', 'now']] },
  });
});
