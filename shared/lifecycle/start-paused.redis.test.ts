import {
  asAgent1,
  emptied,
  marker,
  onePending,
  oneRunning,
  pending,
  startedA,
} from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { start, type StartOptions } from './transitions.js';

// `start` starts nothing from queues that an operator paused.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const ask = (options: Partial<StartOptions> = {}) =>
  start(bench.redis, bench.keys, { ...asAgent1, ...options });
const ok = (started: object[], paused: string[] = ['default']) => ({
  word: 'ok',
  now: expect.any(Number) as number,
  started,
  waiting: [],
  paused,
  more: false,
});

const paused: RedisState = { paused: { default: 'now-7000' } };
const deliveredToMe = {
  stream: [['1-1', { id: 'a' }]],
  delivered: '1-1',
  pending: [['1-1', 'agent-1', 'now-3000']],
} as const;
const putBack: RedisState = {
  ...onePending,
  ...paused,
  'command:a': { ...pending, entry: 'new1' },
  'commands:default': { stream: [['new1', { id: 'a' }]], delivered: '1-1', pending: [] },
};

test('nothing is read from it, and the answer names it', async () => {
  await bench.seed({ ...onePending, ...paused });
  expect(await ask({ limit: 5 })).toEqual(ok([]));
  expect(await bench.state()).toEqual({ ...onePending, ...paused });
  expect(await bench.events()).toEqual([]);
});

test('the other queues are served, and queues that this agent does not serve are not named', async () => {
  await bench.seed({ ...onePending, paused: { mail: 'now-7000', bulk: 'now-5000' } });
  expect(await ask({ queues: ['mail', 'default', 'mail'] })).toEqual(ok([startedA], ['mail']));
});

test('what was delivered to this agent before the pause is put back at once, and is no loss', async () => {
  await bench.seed({ ...onePending, ...paused, 'commands:default': deliveredToMe });
  expect(await ask()).toEqual(ok([]));
  expect(await bench.state()).toEqual(putBack);
  expect(await bench.events()).toEqual([['a PENDING 0']]);
  expect(await ask()).toEqual(ok([]));
  expect(await bench.state()).toEqual(putBack);
});

test('also by a call of an agent that has no slot free, and keeps when it expires', async () => {
  const command = { ...pending, expiresAt: 'now+60000' };
  const expiring = { zset: [['a', 'now+60000']] } as const;
  await bench.seed({
    ...onePending,
    ...paused,
    'command:a': command,
    expiring,
    'commands:default': deliveredToMe,
  });
  expect(await ask({ limit: 0 })).toEqual(ok([]));
  expect(await bench.state()).toEqual({ ...putBack, expiring, 'command:a': { ...command, entry: 'new1' } });
});

test('what expired there ends all the same', async () => {
  await bench.seed({
    ...onePending,
    ...paused,
    'command:a': { ...pending, expiresAt: 'now-1000' },
    'commands:default': deliveredToMe,
  });
  expect(await ask()).toEqual(ok([]));
  expect(await bench.state()).toMatchObject({
    'command:a': { status: 'FAILED', error: { code: 'EXPIRED' }, executed: 'no' },
    'commands:default': emptied,
  });
});

test('an attempt of this session that runs there is given again, and keeps its lease', async () => {
  await bench.seed({ ...oneRunning, ...paused });
  expect(await ask()).toEqual(ok([startedA]));
  expect(await bench.state()).toEqual({
    ...oneRunning,
    ...paused,
    'commands:default': { ...oneRunning['commands:default'], pending: [['1-1', 'agent-1', 'now']] },
  });
});

test('what waits with a key in the way stays with the agent', async () => {
  const state = { ...onePending, ...paused, 'commands:default': deliveredToMe, expiring: 'x' };
  await bench.seed({ ...state, 'command:a': { ...pending, expiresAt: 'now+60000' } });
  expect(await ask()).toEqual(ok([]));
  expect(await bench.state()).toMatchObject({ expiring: 'x', 'commands:default': deliveredToMe });
});

test('a key of another type pauses nothing', async () => {
  await bench.seed({ ...onePending, paused: 'x' });
  expect(await ask()).toEqual(ok([startedA], []));
  expect(await bench.state()).toMatchObject({ paused: 'x', 'exec:a': marker });
});

test('costs one read a call, however many commands and queues', async () => {
  const reads = async () => {
    const info = await bench.redis.info('commandstats');
    const stats = info.matchAll(/^cmdstat_(hmget|hget|mget|get):calls=(\d+)/gm);
    return Object.fromEntries([...stats].map(([, name = '', calls]) => [name, Number(calls)] as const));
  };
  const ids = Array.from({ length: 20 }, (_, i) => `c${i}`);
  await bench.seed({
    'commands:default': {
      stream: ids.map((id, i) => [`1-${i + 1}`, { id }] as const),
      delivered: '0-0',
      pending: [],
    },
    ...Object.fromEntries(ids.map((id, i) => [`command:${id}`, { ...pending, entry: `1-${i + 1}` }])),
  });
  await bench.redis.config('RESETSTAT');
  const reply = await ask({ limit: 20, queues: ['urgent', 'default', 'bulk'] });
  expect(reply.word === 'ok' && reply.started.length).toBe(20);
  // A hash for each command, one for `counts`, one for `paused`; and the session with the lists of lanes.
  expect(await reads()).toEqual({ hmget: 22, mget: 1 });
});
