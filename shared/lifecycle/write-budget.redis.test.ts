import { asAgent1, session } from '../../testing/command-fixtures.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { report, start, submit } from './transitions.js';

// Redis spends a microsecond or two on every write command inside a script, and that is what bounds
// the throughput: 3 writes to submit, 2 to start beside the read, 4 to report, and a few per call.
// Beside the one counter update per status, the calls below must not cost anything more.

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
afterAll(() => bench.stop());

const empty = { stream: [], delivered: '0-0', pending: [] };

/** Every command that Redis carried out while `call` ran, beside the call itself. */
async function callsOf(call: () => Promise<unknown>): Promise<(readonly [string, number])[]> {
  await bench.redis.config('RESETSTAT');
  await call();
  const info = await bench.redis.info('commandstats');
  const counts = [...info.matchAll(/^cmdstat_([a-z]+):calls=(\d+)/gm)].map(
    ([, name = '', calls]) => [name, Number(calls)] as const,
  );
  const isOwn = (name: string) => !['config', 'info', 'eval', 'evalsha'].includes(name);
  return counts.filter(([name]) => isOwn(name));
}

/** The commands that write, or publish, of which Redis carried out any while `call` ran. */
async function writesOf(call: () => Promise<unknown>): Promise<Record<string, number>> {
  const counts = await callsOf(call);
  const details = (await bench.redis.call('COMMAND', 'INFO', ...counts.map(([name]) => name))) as [
    string,
    number,
    string[],
  ][];
  const writes = counts.filter(([name], i) => name === 'publish' || details[i]?.[2].includes('write'));
  return Object.fromEntries(writes);
}

test.each([1, 10])('a batch of %i', async (n) => {
  // A queue and its group are made once, not per call.
  await bench.seed({ queues: { set: ['default'] }, 'commands:default': empty });
  const ids = Array.from({ length: n }, (_, i) => `c${i}`);
  const commands = ids.map((id) => ({ id, digest: '', type: 'DELAY', payload: '{}', queue: 'default' }));
  const options = { notAfter: Number.MAX_SAFE_INTEGER, maxBacklog: 1000 };

  const submitting = await writesOf(() => submit(bench.redis, bench.keys, commands, options));
  expect(submitting).toEqual({ xadd: n, hset: n + 1, zadd: 1, hincrby: 1, publish: 1 });

  const starting = await writesOf(() => start(bench.redis, bench.keys, { ...asAgent1, limit: n }));
  expect(starting).toEqual({ xreadgroup: 1, msetnx: 1, hset: n + 1, publish: 1 });

  const outcome = { status: 'COMPLETED', result: '{}' } as const;
  const reports = ids.map((id) => ({ id, agentId: 'agent-1', session, attempt: 1, outcome }));
  const reporting = await writesOf(() => report(bench.redis, bench.keys, reports));
  expect(reporting).toEqual({ hset: n + 1, xack: 1, xdel: 1, del: 1, publish: 1 });
});

test('a call that finds nothing writes nothing but its read', async () => {
  await bench.seed({ 'commands:default': empty });
  await start(bench.redis, bench.keys, asAgent1);
  expect(await writesOf(() => start(bench.redis, bench.keys, asAgent1))).toEqual({ xreadgroup: 1 });
  expect(await writesOf(() => report(bench.redis, bench.keys, []))).toEqual({});
});

test('a start costs no call more than before there were lanes, while agents know every type', async () => {
  await bench.seed({});
  const knowing = { ...asAgent1, queues: ['urgent', 'default'], types: ['OTHER', 'DELAY'], limit: 10 };
  await start(bench.redis, bench.keys, knowing);
  const ids = Array.from({ length: 10 }, (_, i) => `c${i}`);
  const commands = ids.map((id) => ({ id, digest: '', type: 'DELAY', payload: '{}', queue: 'default' }));
  await submit(bench.redis, bench.keys, commands, { notAfter: Number.MAX_SAFE_INTEGER, maxBacklog: 1000 });

  const calls = await callsOf(() => start(bench.redis, bench.keys, knowing));
  expect(Object.fromEntries(calls)).toEqual({
    time: 1,
    // The session, which was a GET, with the lists of lanes; the paused queues, `counts`, and each command.
    mget: 1,
    hmget: 12,
    // For each queue.
    type: 2,
    xpending: 2,
    // The other queue has no stream.
    xreadgroup: 1,
    // All markers.
    msetnx: 1,
    // For each command, and `counts`.
    hset: 11,
    publish: 1,
  });
});

test('a command of an unknown type is moved once, and costs nothing after that', async () => {
  await bench.seed({});
  await start(bench.redis, bench.keys, asAgent1);
  const commands = ['a', 'b', 'c'].map((id) => ({
    id,
    digest: '',
    type: 'ODD',
    payload: '{}',
    queue: 'default',
  }));
  await submit(bench.redis, bench.keys, commands, { notAfter: Number.MAX_SAFE_INTEGER, maxBacklog: 1000 });
  const unknowing = { ...asAgent1, types: ['DELAY'], limit: 3 };
  const moving = await writesOf(() => start(bench.redis, bench.keys, unknowing));
  // The list and the set of queues; a hint for servers, and one for agents. The read, and one that finds no more.
  expect(moving).toEqual({ xreadgroup: 2, xadd: 3, hset: 3, xack: 1, xdel: 1, set: 1, sadd: 1, publish: 2 });
  expect(await writesOf(() => start(bench.redis, bench.keys, unknowing))).toEqual({ xreadgroup: 1 });
});
