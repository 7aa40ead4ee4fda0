import { onePending } from '../../testing/command-fixtures.js';
import { type RedisState } from '../../testing/redis-state.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { pauseQueue, resumeQueue } from './queue-pause.js';

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

/** A call that was sent so long before `notAfter`, by the clock of the seed. */
const call = (script: typeof pauseQueue | typeof resumeQueue, now: number, queue = 'default', ms = 60_000) =>
  script(bench.redis, bench.keys, { queue, notAfter: now + ms });

describe('pause', () => {
  test('notes the queue and since when, and changes nothing else', async () => {
    const now = await bench.seed(onePending);
    expect(await call(pauseQueue, now)).toBe('paused');
    expect(await bench.state()).toEqual({ ...onePending, paused: { default: 'now' } });
    expect(await bench.events()).toEqual([]);
  });

  test.each<[string, RedisState, RedisState]>([
    [
      'a queue that was never used, which is in use from then on',
      {},
      { paused: { default: 'now' }, queues: { set: ['default'] } },
    ],
    ['one that is paused, which stays so since then', { paused: { default: 'now-5000' } }, {}],
    [
      'a queue beside others',
      { paused: { mail: 'now-5000' } },
      { paused: { mail: 'now-5000', default: 'now' }, queues: { set: ['default'] } },
    ],
    [
      'a key of another type, which it replaces',
      { paused: 'x', queues: { set: ['default'] } },
      { paused: { default: 'now' } },
    ],
    ['a corrupted time', { paused: { default: 'x' } }, { paused: { default: 'now' } }],
  ])('takes %s', async (_, before, changed) => {
    const now = await bench.seed(before);
    expect(await call(pauseQueue, now)).toBe('paused');
    expect(await bench.state()).toEqual({ ...before, ...changed });
  });

  test.each<[string, RedisState, 'paused' | 'queues-full']>([
    ['a new queue beyond the cap is refused', {}, 'queues-full'],
    ['one that is in use is not', { queues: { set: ['default', 'mail'] } }, 'paused'],
    ['one that is paused is not', { paused: { default: 'now-5000' } }, 'paused'],
  ])('%s', async (_, more, word) => {
    const before = { queues: { set: ['bulk', 'mail'] }, ...more };
    const notAfter = (await bench.seed(before)) + 60_000;
    expect(await pauseQueue(bench.redis, bench.keys, { queue: 'default', notAfter, maxQueues: 2 })).toBe(
      word,
    );
    if (word === 'queues-full') expect(await bench.state()).toEqual(before);
  });

  test('that was under way for too long changes nothing', async () => {
    const now = await bench.seed({});
    expect(await call(pauseQueue, now, 'default', -1)).toBe('late');
    expect(await bench.state()).toEqual({});
  });

  test('works when Redis is full and has lost its scripts', async () => {
    const now = await bench.seed({});
    expect(await bench.whenFull(() => call(pauseQueue, now))).toBe('paused');
  });
});

describe('resume', () => {
  test('forgets the queue, and again changes nothing', async () => {
    const now = await bench.seed({ ...onePending, paused: { default: 'now-5000', mail: 'now-3000' } });
    for (const word of ['resumed', 'moot']) {
      expect(await call(resumeQueue, now)).toBe(word);
      expect(await bench.state()).toEqual({ ...onePending, paused: { mail: 'now-3000' } });
    }
    expect(await bench.events()).toEqual([]);
  });

  test.each<[string, RedisState]>([
    ['nothing is paused', {}],
    ['the key is of another type', { paused: 'x' }],
  ])('is moot when %s', async (_, state) => {
    const now = await bench.seed(state);
    expect(await call(resumeQueue, now)).toBe('moot');
    expect(await bench.state()).toEqual(state);
  });

  test('that was under way for too long changes nothing', async () => {
    const state = { paused: { default: 'now-5000' } };
    const now = await bench.seed(state);
    expect(await call(resumeQueue, now, 'default', -1)).toBe('late');
    expect(await bench.state()).toEqual(state);
  });

  test('works when Redis is full and has lost its scripts', async () => {
    const now = await bench.seed({ paused: { default: 'now-5000' } });
    expect(await bench.whenFull(() => call(resumeQueue, now))).toBe('resumed');
  });
});
