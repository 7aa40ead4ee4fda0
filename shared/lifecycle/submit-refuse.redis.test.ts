import { newCommand } from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { type NewCommand, submit, type SubmitOptions } from './transitions.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

async function send(commands: readonly NewCommand[], options: Partial<SubmitOptions> = {}) {
  const defaults = { notAfter: Number.MAX_SAFE_INTEGER, maxBacklog: 1000 };
  return (await submit(bench.redis, bench.keys, commands, { ...defaults, ...options })).replies;
}

const b: RedisState = { 'command:b': { status: 'COMPLETED', queue: 'default', digest: 'd1' } };

describe('a request that was under way too long', () => {
  test('is refused, also where the command was pruned meanwhile', async () => {
    const since = await bench.seed(b);
    const late = [newCommand('a'), newCommand('b', { digest: 'd1' })];
    expect(await send(late, { notAfter: since - 1 })).toEqual([{ word: 'expired' }, { word: 'expired' }]);
    expect(await bench.state()).toEqual(b);
    expect(await bench.events()).toEqual([]);
  });

  test('is one that arrives after notAfter, not before', async () => {
    const since = await bench.seed({});
    expect(await send([newCommand('a')], { notAfter: since + 60_000 })).toEqual([{ word: 'accepted' }]);
  });
});

describe('the cap on what waits', () => {
  test.each([
    ['is reached', 3, 1, ['full']],
    ['has room for all', 3, 2, ['accepted']],
    ['would be exceeded by the batch: none of it is taken', 4, 1, ['full', 'full']],
    ['has room for the batch', 4, 2, ['accepted', 'accepted']],
  ])('%s', async (_, maxBacklog, room, words) => {
    const counts = { PENDING: String(maxBacklog - (words[0] === 'full' ? room - 1 : room)), FAILED: '9' };
    await bench.seed({ counts });
    const ids = words.map((_, i) => `c${i}`);
    expect(
      await send(
        ids.map((id) => newCommand(id)),
        { maxBacklog },
      ),
    ).toEqual(words.map((word) => ({ word })));
    if (words[0] === 'full') expect(await bench.state()).toEqual({ counts });
  });

  test('does not concern commands that are there already', async () => {
    const state = { ...b, counts: { PENDING: '1' } };
    await bench.seed(state);
    const batch = [newCommand('b', { digest: 'd1' }), newCommand('b'), newCommand('a')];
    expect(await send(batch, { maxBacklog: 1 })).toEqual([
      { word: 'same' },
      { word: 'conflict' },
      { word: 'full' },
    ]);
    expect(await bench.state()).toEqual(state);
    expect(await bench.events()).toEqual([]);
  });

  test('never says of a refused command that it is there', async () => {
    await bench.seed({ counts: { PENDING: '1' } });
    const twice = [
      newCommand('a', { digest: 'd1' }),
      newCommand('a', { digest: 'd1' }),
      newCommand('a', { digest: 'd2' }),
    ];
    expect(await send(twice, { maxBacklog: 1 })).toEqual([
      { word: 'full' },
      { word: 'full' },
      { word: 'full' },
    ]);
    expect(await bench.state()).toEqual({ counts: { PENDING: '1' } });
  });

  test('counts as nothing waiting when the counts are corrupted', async () => {
    await bench.seed({ counts: 'x' });
    expect(await send([newCommand('a')], { maxBacklog: 1 })).toEqual([{ word: 'accepted' }]);
    expect(await bench.state()).toMatchObject({ counts: 'x', 'command:a': { status: 'PENDING' } });
    await bench.seed({ counts: { PENDING: 'many' } });
    expect(await send([newCommand('a')], { maxBacklog: 1 })).toEqual([{ word: 'accepted' }]);
  });
});

describe('the cap on queues', () => {
  const two: RedisState = { queues: { set: ['default', 'mail'] } };
  const toQueues = (...queues: string[]) => queues.map((queue, i) => newCommand(`c${i}`, { queue }));

  test.each([
    ['refuses a queue that is not in use', 2, ['new'], ['queues-full']],
    ['has room for one', 3, ['new', 'new'], ['accepted', 'accepted']],
    [
      'would be exceeded by the batch: none of it is taken',
      3,
      ['mail', 'a', 'b'],
      Array(3).fill('queues-full'),
    ],
    ['does not concern queues that are in use', 1, ['mail', 'default'], ['accepted', 'accepted']],
  ])('%s', async (_, maxQueues, queues, words) => {
    await bench.seed(two);
    expect(await send(toQueues(...queues), { maxQueues })).toEqual(words.map((word: string) => ({ word })));
    if (words[0] === 'queues-full') expect(await bench.state()).toEqual(two);
  });

  test('does not concern commands that are there already', async () => {
    await bench.seed({ ...two, ...b });
    const batch = [newCommand('b', { digest: 'd1', queue: 'new' }), newCommand('a', { queue: 'new' })];
    expect(await send(batch, { maxQueues: 2 })).toEqual([{ word: 'same' }, { word: 'queues-full' }]);
  });
});

describe('what is counted of a queue', () => {
  test('grows by what is stored, and by nothing that was there already', async () => {
    await bench.seed({ ...b, 'queue-commands': { default: '1' } });
    await send([newCommand('a'), newCommand('b', { digest: 'd1' }), newCommand('c', { queue: 'mail' })]);
    expect(await bench.redis.hgetall(bench.keys.queueCommands)).toEqual({ default: '2', mail: '1' });
  });

  test.each<RedisState>([{ 'queue-commands': 'x' }, { 'queue-commands': { default: 'x' } }])(
    'spoils nothing when it is corrupted: %j',
    async (state) => {
      await bench.seed(state);
      expect(await send([newCommand('a')])).toEqual([{ word: 'accepted' }]);
      expect(await bench.state()).toMatchObject({ ...state, queues: { set: ['default'] } });
    },
  );
});

describe('a key of a foreign kind is named, and nothing is written', () => {
  test.each(['commands:default', 'index', 'scheduled', 'expiring', 'queues', 'command:a'])(
    '%s',
    async (name) => {
      await bench.seed({ [name]: 'x' });
      expect(await send([newCommand('a')])).toEqual([{ word: 'broken', key: bench.keys.root + name }]);
      expect(await bench.state()).toEqual({ [name]: 'x' });
      expect(await bench.events()).toEqual([]);
    },
  );

  test('one queue’s stream, or one id, stops the whole batch: its client is given all the ids or none', async () => {
    await bench.seed({ 'commands:urgent': 'x', 'command:c': { list: ['x'] } });
    expect(
      await send([newCommand('a'), newCommand('b', { queue: 'urgent' }), newCommand('c'), newCommand('d')]),
    ).toEqual([
      { word: 'broken', key: bench.keys.stream('urgent') },
      { word: 'broken', key: bench.keys.stream('urgent') },
      { word: 'broken', key: bench.keys.command('c') },
      { word: 'broken', key: bench.keys.stream('urgent') },
    ]);
    expect(await bench.state()).toEqual({ 'commands:urgent': 'x', 'command:c': { list: ['x'] } });
    expect(await bench.events()).toEqual([]);
  });
});

test('a full Redis refuses it whole', async () => {
  await bench.seed(b);
  await expect(bench.whenFull(() => send([newCommand('a'), newCommand('c')]))).rejects.toThrow(/^OOM/);
  expect(await bench.state()).toEqual(b);
  expect(await bench.events()).toEqual([]);
});

test('a Redis that lost its scripts is given them again', async () => {
  await bench.seed({});
  await bench.redis.script('FLUSH');
  expect(await send([newCommand('a')])).toEqual([{ word: 'accepted' }]);
  expect(await bench.state()).toMatchObject({ counts: { PENDING: '1' } });
});

describe('a conflict', () => {
  const commands = () => [newCommand('a'), newCommand('b', { digest: 'd2' }), newCommand('c')];

  test('of a whole request keeps all of it from being stored', async () => {
    await bench.seed(b);
    const again = [...commands(), newCommand('b', { digest: 'd1' })];
    expect((await send(again, { isWhole: true })).map(({ word }) => word)).toEqual([
      ...['unstored', 'conflict', 'unstored', 'same'],
    ]);
    expect(await bench.state()).toEqual(b);
    expect(await bench.events()).toEqual([]);
  });

  test('of one of several requests is reported to that one', async () => {
    await bench.seed(b);
    expect((await send(commands())).map(({ word }) => word)).toEqual(['accepted', 'conflict', 'accepted']);
  });

  test('of two within a whole request keeps both from being stored, also where there is no room', async () => {
    await bench.seed(b);
    const two = [newCommand('x', { digest: 'd1' }), newCommand('x', { digest: 'd2' })];
    const words = (await send(two, { isWhole: true, maxBacklog: 0 })).map(({ word }) => word);
    expect(words).toEqual(['unstored', 'conflict']);
    expect(await bench.state()).toEqual(b);
  });
});
