import {
  asAgent1,
  completed,
  emptied,
  newCommand,
  onePending,
  reportOf,
} from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { recover } from './recovery.js';
import { prune } from './retention.js';
import { promote, report, start, submit } from './transitions.js';
import { dismissConsumers, openQueues, retireQueues } from './upkeep.js';

// Names that were used once, of queues and of agents, must not cost something for ever.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const never = Number.MAX_SAFE_INTEGER;
const send = (...commands: Parameters<typeof newCommand>[]) =>
  submit(
    bench.redis,
    bench.keys,
    commands.map((one) => newCommand(...one)),
    { notAfter: never, maxBacklog: 1000 },
  );
const retire = (...queues: string[]) => retireQueues(bench.redis, bench.keys, queues);
const pruneAll = () =>
  prune(bench.redis, bench.keys, { retentionMs: 0, retentionMax: 1000, rank: 0, most: 100 });

describe('a queue', () => {
  const unused = { queues: { set: ['default', 'mail'] }, 'commands:default': emptied } as const;

  test('of which nothing is left goes with its stream, and the second time there is nothing to do', async () => {
    await bench.seed(unused);
    await bench.redis.xgroup('CREATECONSUMER', bench.keys.stream('default'), 'agents', 'agent-1');
    for (let i = 0; i < 2; i++) {
      expect(await retire('default')).toEqual(['default']);
      expect(await bench.state()).toEqual({ queues: { set: ['mail'] } });
    }
    expect(await bench.events()).toEqual([]);
  });

  const pending = [['1-1', 'agent-1', 'now-5000']] as const;
  test.each<[string, RedisState]>([
    ['something waits', { ...unused, 'commands:default': { stream: [['1-1', { id: 'a' }]] } }],
    [
      'something is in flight',
      { ...unused, 'commands:default': { stream: [['1-1', { id: 'a' }]], delivered: '1-1', pending } },
    ],
    ['it is paused', { ...unused, paused: { default: 'now-5000' } }],
    ['a command of it is kept, whatever its status', { ...unused, 'queue-commands': { default: '1' } }],
    ['its count was spoiled', { ...unused, 'queue-commands': { default: 'x' } }],
    ['its key holds something else', { ...unused, 'commands:default': 'x' }],
  ])('stays while %s', async (_, state) => {
    await bench.seed(state);
    expect(await retire('default')).toEqual([]);
    expect(await bench.state()).toEqual(state);
  });

  test('stays while an entry that was deleted is still pending', async () => {
    await bench.seed({
      ...unused,
      'commands:default': { stream: [['1-1', { id: 'a' }]], delivered: '1-1', pending },
    });
    await bench.redis.xdel(bench.keys.stream('default'), '1-1');
    expect(await retire('default')).toEqual([]);
  });

  test('stays from its first command until the last one is pruned, and comes back with the next', async () => {
    await bench.seed({});
    await send(['a'], ['b', { queue: 'mail' }]);
    await start(bench.redis, bench.keys, { ...asAgent1, queues: ['default', 'mail'], limit: 2 });
    await report(bench.redis, bench.keys, [reportOf(completed), reportOf(completed, { id: 'b' })]);
    expect(await retire('default', 'mail')).toEqual([]);
    for (const id of ['a', 'b']) {
      await bench.redis.hset(bench.keys.command(id), 'finishedAt', 1);
      await bench.redis.zadd(bench.keys.index, 1, id);
    }
    expect(await pruneAll()).toMatchObject({ count: 2 });
    expect(await retire('default', 'mail')).toEqual(['default', 'mail']);
    // Two hashes of the deployment are left, however many queues there were.
    expect(Object.keys(await bench.state()).sort()).toEqual(['counts', 'retention']);
    await send(['c']);
    expect(await bench.state()).toMatchObject({
      queues: { set: ['default'] },
      'queue-commands': { default: '1' },
      'commands:default': { stream: [['new1', { id: 'c' }]] },
    });
  });

  test('whose commands are not counted leaves none of them behind: an entry puts it back', async () => {
    const old = { ...onePending['command:a'], entry: '', runAt: 'now-1' };
    await bench.seed({ 'command:a': old, scheduled: { zset: [['a', 1]] }, queues: { set: ['default'] } });
    expect(await retire('default')).toEqual(['default']);
    expect(await promote(bench.redis, bench.keys, 10)).toMatchObject({ count: 1 });
    expect(await bench.state()).toMatchObject({
      queues: { set: ['default'] },
      'commands:default': { stream: [['new1', { id: 'a' }]] },
    });
  });

  test('works when Redis is full and has lost its scripts', async () => {
    await bench.seed(unused);
    expect(await bench.whenFull(() => retire('default'))).toEqual(['default']);
  });
});

describe('what is pruned', () => {
  const done = { ...onePending['command:a'], status: 'COMPLETED', finishedAt: 'now-60000' } as const;
  const of = (...ids: string[]) => ({
    ...Object.fromEntries(ids.map((id) => [`command:${id}`, done])),
    index: { zset: ids.map((id, i) => [id, i + 1] as const) },
    counts: { COMPLETED: String(ids.length) },
  });

  test.each<[string, RedisState, RedisState | undefined]>([
    ['is taken from the count of its queue', { default: '3', mail: '1' }, { default: '1', mail: '1' }],
    ['leaves no count of nothing', { default: '2', mail: '1' }, { mail: '1' }],
    ['leaves no count below nothing: it was not counted', { default: '1', mail: '1' }, { mail: '1' }],
    ['leaves no corrupted count', { default: 'x', mail: '1' }, { mail: '1' }],
  ])('%s', async (_, before, after) => {
    // `c` is in the index, and kept.
    const kept = { 'command:c': { ...done, finishedAt: 'now' } };
    await bench.seed({ ...of('a', 'b', 'c'), ...kept, 'queue-commands': before as Record<string, string> });
    expect(await pruneAll()).toMatchObject({ count: 2 });
    expect(await bench.redis.hgetall(bench.keys.queueCommands)).toEqual(after);
  });

  test('as the last of all leaves no counts: they are of commands that another program deleted', async () => {
    await bench.seed({ ...of('a'), 'queue-commands': { default: '1', mail: '7' } });
    expect(await pruneAll()).toMatchObject({ count: 1 });
    expect(await bench.redis.exists(bench.keys.queueCommands)).toBe(0);
  });
});

describe('open', () => {
  const open = (...queues: string[]) => openQueues(bench.redis, bench.keys, queues);
  const ttl = (queue: string) => bench.redis.pttl(bench.keys.stream(queue));

  test('makes what a blocking read needs; of a queue that is not in use it goes again by itself', async () => {
    await bench.seed({ queues: { set: ['mail'] } });
    expect(await open('default', 'mail')).toBe(true);
    expect(await open('default', 'mail')).toBe(false);
    const empty = { stream: [], delivered: '0-0', pending: [] };
    expect(await bench.state()).toEqual({
      queues: { set: ['mail'] },
      'commands:default': empty,
      'commands:mail': empty,
    });
    expect(await ttl('default')).toBeGreaterThan(60_000);
    expect(await ttl('mail')).toBe(-1);
  });

  test('makes a deleted group anew, and leaves the stream as it is', async () => {
    await bench.seed({ 'commands:default': { stream: [['1-1', { id: 'a' }]] } });
    expect(await open('default')).toBe(true);
    expect(await ttl('default')).toBe(-1);
  });

  test('leaves a key of another type alone', async () => {
    await bench.seed({ 'commands:default': 'x' });
    expect(await open('default')).toBe(false);
    expect(await bench.state()).toEqual({ 'commands:default': 'x' });
  });

  test.each([
    ['a new command', () => send(['a'])],
    [
      'one whose time has come',
      async () => {
        await bench.redis.hset(bench.keys.command('a'), { ...onePending['command:a'], entry: '' });
        await bench.redis.zadd(bench.keys.scheduled, 1, 'a');
        await promote(bench.redis, bench.keys, 10);
      },
    ],
  ])('%s makes the stream stay', async (_, arrive) => {
    await bench.seed({});
    await open('default');
    await arrive();
    expect(await ttl('default')).toBe(-1);
    expect(await bench.redis.smembers(bench.keys.queues)).toEqual(['default']);
    expect(await start(bench.redis, bench.keys, asAgent1)).toMatchObject({ started: [{ id: 'a' }] });
  });
});

describe('dismiss', () => {
  const dismiss = (...agentIds: string[]) => dismissConsumers(bench.redis, bench.keys, 'default', agentIds);
  const consumers = async () => {
    const rows = await bench.redis.xinfo('CONSUMERS', bench.keys.stream('default'), 'agents');
    return (rows as string[][]).map(([, name]) => name);
  };

  test('removes consumers that have nothing pending, and no others', async () => {
    await bench.seed({
      'commands:default': {
        stream: [['1-1', { id: 'a' }]],
        delivered: '1-1',
        pending: [['1-1', 'busy', 'now-5000']],
      },
    });
    await bench.redis.xgroup('CREATECONSUMER', bench.keys.stream('default'), 'agents', 'gone');
    const before = await bench.state();
    expect(await dismiss('gone', 'busy')).toBe(1);
    expect(await consumers()).toEqual(['busy']);
    expect(await bench.state()).toEqual(before);
  });

  test.each<RedisState>([{}, { 'commands:default': { stream: [] as never[] } }, { 'commands:default': 'x' }])(
    'has nothing to do where there is no group: %j',
    async (state) => {
      await bench.seed(state);
      expect(await dismiss('gone')).toBe(0);
    },
  );

  test('an agent that comes back after it is given work', async () => {
    await bench.seed(onePending);
    await bench.redis.xgroup('CREATECONSUMER', bench.keys.stream('default'), 'agents', 'agent-1');
    expect(await dismiss('agent-1')).toBe(1);
    expect(await start(bench.redis, bench.keys, asAgent1)).toMatchObject({ started: [{ id: 'a' }] });
  });
});

test('recovery costs nothing where nothing is in flight, and keeps its pulse', async () => {
  await bench.seed({});
  await send(...Array.from({ length: 50 }, (_, i) => [`c${i}`, { queue: `q${i}` }] as [string, object]));
  await recover(bench.redis, bench.keys, 60_000);
  await bench.redis.config('RESETSTAT');
  await recover(bench.redis, bench.keys, 60_000);
  expect(await bench.redis.info('commandstats')).toMatch(/cmdstat_evalsha:calls=1,/);
  expect(await bench.redis.hget(bench.keys.recovery, 'lastTick')).not.toBeNull();
});
