import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { group, partitionKeys, recoveryConsumer } from '../shared/store/keys.js';
import { TestRedis } from './redis-server.js';
import { type Transition } from './transition.js';
import { readTransitions } from './transitions-log.js';

const keys = partitionKeys();
const queue = keys.stream('default');
const hash = keys.command('c');

/** Runs the body as a script: its writes are one transaction in the append-only file. */
const script = (redis: Redis, body: string, ...args: string[]) =>
  redis.eval(`local call, C, Q = redis.call, '${hash}', '${queue}'; ${body}`, 0, ...args);

/** Polls until the rewrite that was begun is over: Redis sends no notification. */
async function rewritten(redis: Redis): Promise<void> {
  for (;;) {
    const info = await redis.info('persistence');
    if (info.includes('aof_rewrites:1') && info.includes('aof_rewrite_in_progress:0')) return;
  }
}

describe('the transitions log', () => {
  let server: TestRedis;
  let redis: Redis;
  beforeEach(async () => {
    server = await TestRedis.start({ config: { 'aof-disable-auto-gc': 'yes' } });
    redis = server.client();
    await redis.xgroup('CREATE', queue, group, '0', 'MKSTREAM');
  });
  afterEach(() => server.stop());

  const aof = () => join(server.directory, 'appendonlydir');
  const transitions = async () => {
    const all: Transition[] = [];
    for await (const transition of readTransitions(aof())) all.push(transition);
    return all;
  };
  const submit = () =>
    script(
      redis,
      `call('HSET', C, 'status', 'PENDING', 'queue', 'default')
       local entry = call('XADD', Q, '*', 'id', 'c')
       call('HSET', C, 'entry', entry)
       return entry`,
    ) as Promise<string>;

  test('reports what one script did to a command as one step', async () => {
    const entry = await submit();
    await redis.xreadgroup('GROUP', group, 'A', 'STREAMS', queue, '>');
    await script(
      redis,
      `call('XCLAIM', Q, 'agents', 'A', 0, ARGV[1], 'JUSTID')
       call('SET', KEYS[1] or '${keys.marker('c')}', '1:A:A.1', 'NX')
       call('HINCRBY', C, 'attempt', 1)
       call('HSET', C, 'status', 'RUNNING', 'startedAt', 5)`,
      entry,
    );
    const [, , started] = await transitions();
    expect(started).toMatchObject({
      commandId: 'c',
      before: { fields: { status: 'PENDING' }, marker: null, entry: { place: 'pending', consumer: 'A' } },
      after: {
        fields: { status: 'RUNNING', attempt: '1', entry, startedAt: '5' },
        marker: '1:A:A.1',
        scheduled: false,
        entry: { id: entry, place: 'pending', consumer: 'A' },
      },
      statuses: ['RUNNING'],
      hashWrites: 2,
      markersSet: [{ value: '1:A:A.1', onlyIfAbsent: true, newestSession: null }],
      claims: [{ entry, consumer: 'A' }],
      restated: false,
    });
    expect(started?.atMs).toBeGreaterThanOrEqual(Number(entry.split('-')[0]));
  });

  test('follows an entry through delivery, recovery, acknowledgement and deletion', async () => {
    const entry = await submit();
    // Read inside a script, as the hot path does, leaves the same trace as a read of its own.
    await script(redis, `call('XREADGROUP', 'GROUP', 'agents', 'A', 'STREAMS', Q, '>')`);
    await redis.xautoclaim(queue, group, recoveryConsumer, 0, '0-0');
    await redis.xclaim(queue, group, 'A', 0, entry, 'JUSTID');
    await redis.xack(queue, group, entry);
    await redis.xdel(queue, entry);
    const places = (await transitions()).map(({ after }) => [after.entry?.place, after.entry?.consumer]);
    expect(places).toEqual([
      ['queued', null],
      ['pending', 'A'],
      ['pending', recoveryConsumer],
      ['pending', 'A'],
      ['acked', null],
      ['gone', null],
    ]);
  });

  test.each<[string, (entry: string) => Promise<unknown>, string]>([
    [
      'a read without acknowledgement',
      () => redis.xreadgroup('GROUP', group, 'A', 'NOACK', 'STREAMS', queue, '>'),
      'acked',
    ],
    ['a group that is destroyed', () => redis.xgroup('DESTROY', queue, group), 'acked'],
    ['a group that skips what is there', () => redis.xgroup('SETID', queue, group, '$'), 'acked'],
    ['an entry that is deleted', (entry) => redis.xdel(queue, entry), 'gone'],
    ['a stream that is deleted', () => redis.unlink(queue), 'gone'],
    ['a stream that is trimmed', () => redis.xtrim(queue, 'MAXLEN', 0), 'gone'],
  ])('sees that no agent will be given the entry after %s', async (_, spoil, place) => {
    await spoil(await submit());
    expect((await transitions()).at(-1)?.after.entry?.place).toBe(place);
  });

  test('sees a pending row whose entry is gone, and its end when recovery meets it', async () => {
    const entry = await submit();
    await redis.xreadgroup('GROUP', group, 'A', 'STREAMS', queue, '>');
    await redis.xdel(queue, entry);
    await redis.xautoclaim(queue, group, recoveryConsumer, 0, '0-0');
    const places = (await transitions()).map(({ after }) => after.entry?.place);
    expect(places.slice(1)).toEqual(['pending', 'dangling', 'gone']);
  });

  test('sees only what changed something', async () => {
    const entry = await submit();
    await redis.set(keys.marker('c'), '1:A:A.1', 'NX');
    await redis.set(keys.marker('c'), '1:B:B.1', 'NX');
    await redis.xack(queue, group, entry);
    await redis.del(keys.marker('other'));
    expect(await transitions()).toHaveLength(2);
  });

  test('goes on across rewrites and crashes as if there had been none', async () => {
    await submit();
    await redis.bgrewriteaof();
    await rewritten(redis);
    await redis.hset(hash, 'note', 'after the rewrite');
    await server.kill();
    await server.start();
    await redis.hset(hash, 'note', 'after the crash');
    const steps = await transitions();
    expect(steps.map(({ where }) => where.split(':')[0])).toEqual([
      'appendonly.aof.1.incr.aof',
      'appendonly.aof.2.incr.aof',
      'appendonly.aof.2.incr.aof',
    ]);
    expect(steps.map(({ before, after }) => [before.fields?.note, after.fields?.note])).toEqual([
      [undefined, undefined],
      [undefined, 'after the rewrite'],
      ['after the rewrite', 'after the crash'],
    ]);
  });

  test('takes what was there before there was a log as given', async () => {
    const late = await TestRedis.start({ config: { appendonly: 'no', 'aof-disable-auto-gc': 'yes' } });
    try {
      await late.client().hset(hash, 'status', 'PENDING');
      await late.client().config('SET', 'appendonly', 'yes');
      await rewritten(late.client());
      const steps: Transition[] = [];
      for await (const step of readTransitions(join(late.directory, 'appendonlydir'))) steps.push(step);
      expect(steps).toMatchObject([{ restated: true, after: { fields: { status: 'PENDING' } } }]);
    } finally {
      await late.stop();
    }
  });

  test('sees everything vanish in a FLUSHALL', async () => {
    await submit();
    await redis.set(keys.marker('c'), '1:A:A.1', 'NX');
    await redis.flushall();
    expect((await transitions()).at(-1)?.after).toEqual({
      fields: null,
      marker: null,
      scheduled: false,
      entry: null,
    });
  });

  test('reads deletions of fields and places in the schedule', async () => {
    await redis.hset(hash, { status: 'PENDING', error: '{}' });
    await redis.hdel(hash, 'error');
    await redis.zadd(keys.scheduled, 'NX', 5, 'c', 6, 'd');
    await redis.zrem(keys.scheduled, 'c');
    const steps = await transitions();
    expect(steps.map(({ commandId, after }) => [commandId, after.fields?.error, after.scheduled])).toEqual([
      ['c', '{}', false],
      ['c', undefined, false],
      ['c', undefined, true],
      ['d', undefined, true],
      ['c', undefined, false],
    ]);
  });

  test('knows the newest session at the time of a start', async () => {
    await redis.set(keys.session('A'), 'A.2');
    await redis.set(keys.marker('c'), '1:A:A.1', 'NX');
    expect((await transitions())[0]?.markersSet).toEqual([
      { value: '1:A:A.1', onlyIfAbsent: true, newestSession: 'A.2' },
    ]);
  });
});
