import { asAgent1, emptied, marker, onePending, pending, startedA } from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { start, type StartOptions } from './transitions.js';

// Foreign entries and keys beside a command, in its queue or elsewhere, must not keep it from being started.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const ask = (options: Partial<StartOptions> = {}) =>
  start(bench.redis, bench.keys, { ...asAgent1, ...options });
const ok = (started: object[]) => ({
  word: 'ok',
  now: expect.any(Number) as number,
  started,
  waiting: [],
  paused: [],
  more: false,
});

const crowd = {
  'command:a': { ...pending, entry: '1-5' },
  'command:late': { ...pending, entry: '1-3', expiresAt: 'now-1000' },
  'command:odd': { ...pending, entry: '1-4', type: 'OTHER' },
  'commands:default': {
    stream: [
      ['1-1', { x: 'y' }],
      ['1-2', { id: 'gone' }],
      ['1-3', { id: 'late' }],
      ['1-4', { id: 'odd' }],
      ['1-5', { id: 'a' }],
    ],
    delivered: '0-0',
    pending: [],
  },
  counts: { PENDING: '3' },
} as const satisfies RedisState;

test('strays, expired commands and unknown types before it do not keep a command from being started', async () => {
  await bench.seed(crowd);
  const started = { ...startedA, entry: 'default/1-5' };
  expect(await ask({ types: ['DELAY'], limit: 2 })).toEqual(ok([started]));
  expect(await bench.state()).toMatchObject({
    counts: { PENDING: '1', RUNNING: '1', FAILED: '1' },
    dead: {
      stream: [
        ['new1', { entry: '1-1' }],
        ['new2', { entry: '1-2' }],
      ],
    },
    'commands:default/OTHER': { stream: [['new1', { id: 'odd' }]] },
  });
  expect(await bench.events()).toEqual([['late FAILED 0', 'odd PENDING 0', 'a RUNNING 1']]);
});

test('one call looks at a queue three times at most: the rest is for the next one', async () => {
  await bench.seed(crowd);
  expect(await ask({ types: ['DELAY'] })).toEqual(ok([]));
  expect(await ask({ types: ['DELAY'] })).toEqual(ok([{ ...startedA, entry: 'default/1-5' }]));
});

describe('keys of a foreign kind do not stop the others', () => {
  test.each<[string, RedisState]>([
    ['another queue’s stream', { 'commands:other': 'x' }],
    ['counts', { counts: 'x' }],
    ['scheduled', { scheduled: 'x' }],
    ['expiring', { expiring: 'x' }],
    ['index', { index: 'x' }],
    ['history', { 'history:a': 'x' }],
    ['queues', { queues: 'x' }],
  ])('%s', async (_, keys) => {
    await bench.seed({ ...onePending, ...keys, 'command:a': { ...pending, expiresAt: 'now+60000' } });
    expect(await ask({ queues: ['other', 'default'] })).toEqual(ok([startedA]));
    expect(await bench.state()).toMatchObject({
      ...keys,
      'command:a': { status: 'RUNNING' },
      'exec:a': marker,
    });
    expect(await bench.events()).toEqual([['a RUNNING 1']]);
  });

  test('a marker: the command is left to recovery', async () => {
    await bench.seed({ ...onePending, 'exec:a': { list: ['x'] } });
    expect(await ask()).toEqual(ok([]));
    expect(await bench.state()).toMatchObject({ 'command:a': pending, counts: { PENDING: '1' } });
  });

  test.each<[string, RedisState]>([
    ['scheduled', { scheduled: 'x' }],
    ['expiring', { expiring: 'x' }],
    ['index', { index: 'x' }],
    ['index:failed', { 'index:failed': 'x' }],
    ['counts', { counts: 'x' }],
  ])('an expired command ends beside %s', async (_, keys) => {
    await bench.seed({ ...onePending, ...keys, 'command:a': { ...pending, expiresAt: 'now-1000' } });
    expect(await ask()).toEqual(ok([]));
    expect(await bench.state()).toMatchObject({
      ...keys,
      'command:a': { status: 'FAILED' },
      'commands:default': emptied,
    });
    expect(await bench.events()).toEqual([['a FAILED 0']]);
  });
});
