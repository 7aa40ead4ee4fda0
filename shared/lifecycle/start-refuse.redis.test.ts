import {
  asAgent1,
  emptied,
  marker,
  onePending,
  pending,
  running,
  startedA,
} from '../../testing/command-fixtures.js';
import { type RedisState, type Value } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { start, type StartOptions } from './transitions.js';

// Entries that are not started: strays, expired commands, unknown types, keys of a foreign kind.
// Each test runs twice: the entry waits in the stream, or was delivered to the agent before.

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

const ways = [
  ['waiting in the stream', { delivered: '0-0', pending: [] }],
  ['delivered before', { delivered: '1-1', pending: [['1-1', 'agent-1', 'now-60000']] }],
] as const;

describe.each(ways)('an entry %s', (_, delivery) => {
  const streamOf = (fields: Record<string, string>): Value => ({ stream: [['1-1', fields]], ...delivery });
  const dead = (why: string, fields: string[]): Value => ({
    stream: [['new1', { queue: 'default', entry: '1-1', why, fields: JSON.stringify(fields) }]],
  });

  const broken: [string, Record<string, string>, RedisState, string][] = [
    ['names no id', { x: 'a' }, {}, 'not an entry of Fencepost'],
    [
      'has more fields than an id',
      { id: 'a', x: 'y' },
      { 'command:a': pending },
      'not an entry of Fencepost',
    ],
    ['names a command that does not exist, or was pruned', { id: 'a' }, {}, 'no such command'],
    ['names a key that is no hash', { id: 'a' }, { 'command:a': 'x' }, 'not a command'],
    ['names a hash without a status', { id: 'a' }, { 'command:a': { x: 'y' } }, 'no such command'],
    [
      'names a hash that another program corrupted',
      { id: 'a' },
      { 'command:a': { ...pending, attempt: 'x' } },
      'not a command',
    ],
    ['names a hash without a queue', { id: 'a' }, { 'command:a': { status: 'PENDING' } }, 'not a command'],
    [
      'names a hash without a payload',
      { id: 'a' },
      { 'command:a': { status: 'PENDING', queue: 'default', type: 'DELAY', entry: '1-1' } },
      'not a command',
    ],
  ];
  test.each(broken)('that %s goes to the dead stream', async (_, fields, keys, why) => {
    await bench.seed({ ...keys, 'commands:default': streamOf(fields) });
    expect(await ask()).toEqual(ok([]));
    const after = { ...keys, 'commands:default': emptied, dead: dead(why, Object.entries(fields).flat()) };
    expect(await bench.state()).toEqual(after);
    expect(await bench.events()).toEqual([]);
  });

  test('that cannot be understood is dropped when the dead stream is not a stream', async () => {
    await bench.seed({ 'commands:default': streamOf({ x: 'y' }), dead: 'x' });
    expect(await ask()).toEqual(ok([]));
    expect(await bench.state()).toEqual({ 'commands:default': emptied, dead: 'x' });
  });

  test.each<[string, Value]>([
    ['is a duplicate of a PENDING command’s entry', { ...pending, entry: '2-1' }],
    ['is a duplicate of a RUNNING command’s entry', { ...running, entry: '2-1' }],
    ['belongs to a command that waits for its time', { ...pending, entry: '', runAt: 'now+60000' }],
    ['stands on another queue than its command', { ...pending, queue: 'other' }],
    ['is left of a COMPLETED command', { ...running, status: 'COMPLETED' }],
    ['is left of a FAILED command', { ...running, status: 'FAILED' }],
  ])('that %s is acknowledged and deleted', async (_, command) => {
    await bench.seed({
      'command:a': command,
      'commands:default': streamOf({ id: 'a' }),
      counts: { PENDING: '1' },
    });
    expect(await ask()).toEqual(ok([]));
    expect(await bench.state()).toEqual({
      'command:a': command,
      'commands:default': emptied,
      counts: { PENDING: '1' },
    });
    expect(await bench.events()).toEqual([]);
  });

  test('of a command that has expired ends it', async () => {
    await bench.seed({
      ...onePending,
      'command:a': { ...pending, expiresAt: 'now-1000' },
      'commands:default': streamOf({ id: 'a' }),
      expiring: { zset: [['a', 'now-1000']] },
    });
    expect(await ask()).toEqual(ok([]));
    expect(await bench.state()).toEqual({
      ...onePending,
      'command:a': {
        ...pending,
        status: 'FAILED',
        expiresAt: 'now-1000',
        finishedAt: 'now',
        executed: 'no',
        error: { code: 'EXPIRED', message: 'it was not started within its ttlMs' },
      },
      'commands:default': emptied,
      counts: { PENDING: '0', FAILED: '1' },
      'index:failed': { zset: [['a', '1']] },
    });
    expect(await bench.events()).toEqual([['a FAILED 0']]);
  });

  const toLane = {
    'command:a': { ...pending, queue: 'default/DELAY', entry: 'new1', waitingFor: 'DELAY' },
    'commands:default': emptied,
    'commands:default/DELAY': { stream: [['new1', { id: 'a' }]] },
    'lanes:default': 'DELAY',
    queues: { set: ['default', 'default/DELAY'] },
  } as const satisfies RedisState;

  test('of a type that the agent does not know is moved to the lane of its type, at no cost of an attempt', async () => {
    const expiring = { zset: [['a', 'now+60000']] } as const;
    await bench.seed({
      ...onePending,
      'commands:default': streamOf({ id: 'a' }),
      'command:a': { ...pending, expiresAt: 'now+60000' },
      expiring,
    });
    const reply = await ask({ types: ['OTHER'] });
    expect(reply).toEqual(ok([]));
    expect(await bench.state(reply.word === 'ok' ? reply.now : undefined)).toEqual({
      ...onePending,
      ...toLane,
      'command:a': { ...toLane['command:a'], expiresAt: 'now+60000' },
      expiring,
    });
    expect(await bench.events()).toEqual([['a PENDING 0']]);
  });

  test('of an unknown type joins those in its lane, and replaces a broken list of lanes', async () => {
    const lane = { stream: [['1-0', { id: 'b' }]] } as const;
    await bench.seed({
      ...onePending,
      'commands:default': streamOf({ id: 'a' }),
      'commands:default/DELAY': lane,
      'lanes:default': { list: ['x'] },
    });
    await ask({ types: ['OTHER'] });
    expect(await bench.state()).toEqual({
      ...onePending,
      ...toLane,
      'commands:default/DELAY': { stream: [...lane.stream, ['new1', { id: 'a' }]] },
    });
  });

  test.each<[string, RedisState]>([
    [
      'its queue has too many lanes',
      { 'lanes:default': Array.from({ length: 100 }, (_, i) => `T${i}`).join(' ') },
    ],
    ['something else stands at its lane', { 'commands:default/DELAY': 'x' }],
  ])('of an unknown type is put off for a second while %s', async (_, keys) => {
    await bench.seed({ ...onePending, ...keys, 'commands:default': streamOf({ id: 'a' }) });
    const reply = await ask({ types: ['OTHER'] });
    expect(reply).toEqual(ok([]));
    expect(await bench.state(reply.word === 'ok' ? reply.now : undefined)).toEqual({
      ...onePending,
      ...keys,
      'command:a': { ...pending, entry: '', runAt: 'now+1000', waitingFor: 'DELAY' },
      'commands:default': emptied,
      scheduled: { zset: [['a', 'now+1000']] },
    });
  });

  test.each<[string, RedisState]>([
    ['its lane and scheduled are', { scheduled: 'x', 'commands:default/DELAY': 'x' }],
    ['a marker is', { 'exec:a': 'x' }],
  ])('of an unknown type stays with the agent while %s in the way', async (_, keys) => {
    await bench.seed({ ...onePending, ...keys, 'commands:default': streamOf({ id: 'a' }) });
    expect(await ask({ types: ['OTHER'] })).toEqual(ok([]));
    const after = await bench.state();
    expect(after).toMatchObject({ ...keys, 'command:a': pending, counts: { PENDING: '1' } });
    expect(after).toMatchObject({
      'commands:default': { pending: [['1-1', 'agent-1', expect.any(String)]] },
    });
    expect(await bench.events()).toEqual([]);
  });
});

test('ends an expired command of an unknown type as UNSUPPORTED_TYPE', async () => {
  const command = { ...pending, expiresAt: 'now-1000', waitingFor: 'DELAY' };
  await bench.seed({ ...onePending, 'command:a': command });
  await ask({ types: ['OTHER'] });
  expect(await bench.state()).toMatchObject({
    'command:a': {
      status: 'FAILED',
      error: {
        code: 'UNSUPPORTED_TYPE',
        message: 'no agent that serves its queue knew DELAY before it expired',
      },
    },
  });
});

test('does not say "no" of an expired command that was executed before', async () => {
  const command = { ...pending, attempt: '1', failures: '1', executed: 'yes', expiresAt: 'now-1000' };
  await bench.seed({ ...onePending, 'command:a': command });
  await ask();
  expect(await bench.state()).toMatchObject({
    'command:a': {
      executed: 'yes',
      error: { code: 'EXPIRED', message: 'its next attempt was not started within its ttlMs' },
    },
  });
});

test('an agent that knows the type starts it, and the command no longer waits for one', async () => {
  await bench.seed({
    ...onePending,
    'command:a': { ...pending, waitingFor: 'DELAY', expiresAt: 'now+60000' },
    expiring: { zset: [['a', 'now+60000']] },
  });
  expect(await ask({ types: ['DELAY'] })).toEqual(ok([startedA]));
  expect(await bench.state()).toEqual({
    ...onePending,
    'command:a': { ...running, startedAt: 'now', expiresAt: 'now+60000' },
    'commands:default': {
      stream: [['1-1', { id: 'a' }]],
      delivered: '1-1',
      pending: [['1-1', 'agent-1', 'now']],
    },
    'exec:a': marker,
    counts: { PENDING: '0', RUNNING: '1' },
  });
});
