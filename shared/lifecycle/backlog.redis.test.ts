import { completed, failed, newCommand, reportOf, session } from '../../testing/command-fixtures.js';
import { ScriptBench } from '../../testing/script-bench.js';
import { release } from './attempt-leases.js';
import { prune } from './retention.js';
import { recover } from './recovery.js';
import { expire, type NewCommand, promote, report, type SubmitWord, start, submit } from './transitions.js';

// The cap of the backlog rests on one count. Whatever way a command takes, the count must be what there is:
// one too high refuses work for ever, one too low lets the backlog grow beyond its cap.

const cap = 3;
const agentId = 'agent-1';
const later = { start: { inMs: 3_600_000 } } as const;

let bench: ScriptBench;
beforeAll(async () => {
  bench = await ScriptBench.start();
});
beforeEach(() => bench.seed({}));
afterAll(() => bench.stop());
afterEach(async () => {
  const kept = Object.entries(await bench.redis.hgetall(bench.keys.counts)).filter(
    ([, count]) => count !== '0',
  );
  expect(Object.fromEntries(kept)).toEqual(await counted());
});

/** By their hashes. */
async function counted(): Promise<Record<string, string>> {
  const found: Record<string, number> = {};
  for (const key of await bench.redis.keys(bench.keys.command('*'))) {
    const status = (await bench.redis.hget(key, 'status')) ?? 'none';
    found[status] = (found[status] ?? 0) + 1;
  }
  return Object.fromEntries(Object.entries(found).map(([status, count]) => [status, String(count)]));
}

async function trySubmit(id: string, more: Partial<NewCommand> = {}): Promise<SubmitWord | 'broken'> {
  const options = { notAfter: Number.MAX_SAFE_INTEGER, maxBacklog: cap };
  const { replies } = await submit(bench.redis, bench.keys, [newCommand(id, more)], options);
  return replies[0]?.word ?? 'broken';
}

/** Submits as many commands as may wait. */
async function fill(more: Partial<NewCommand> = {}): Promise<void> {
  for (let i = 0; i < cap; i++) expect(await trySubmit(`c${i}`, more)).toBe('accepted');
  expect(await trySubmit('refused')).toBe('full');
}

async function startNext() {
  const reply = await start(bench.redis, bench.keys, {
    agentId,
    session,
    limit: 1,
    queues: ['default'],
    types: [],
    inFlight: [],
  });
  const [one] = reply.word === 'ok' ? reply.started : [];
  if (!one) throw new Error('nothing was started');
  return one;
}

const isDue = (key: string, id: string) => bench.redis.zadd(key, 1, id);

test('what is scheduled waits, too, and has no second place when its time has come', async () => {
  await fill(later);
  await isDue(bench.keys.scheduled, 'c0');
  expect(await promote(bench.redis, bench.keys, 10)).toMatchObject({ count: 1 });
  expect(await trySubmit('refused')).toBe('full');
});

test('one that is started makes room for one', async () => {
  await fill();
  await startNext();
  expect(await trySubmit('d')).toBe('accepted');
  expect(await trySubmit('refused')).toBe('full');
});

test('what is handed back waits again, beyond the cap if need be', async () => {
  await fill();
  const { entry, id, attempt } = await startNext();
  await trySubmit('d');
  const given = { queue: 'default', entry: entry.replace('default/', ''), id, attempt };
  expect(await release(bench.redis, bench.keys, agentId, session, [given])).toEqual(['released']);
  expect(await bench.redis.hget(bench.keys.counts, 'PENDING')).toBe(String(cap + 1));
  // Two must go before there is room for one.
  await startNext();
  expect(await trySubmit('refused')).toBe('full');
});

test('what failed and is tried again waits', async () => {
  await fill({ maxAttempts: 2 });
  const { id } = await startNext();
  const again = reportOf({ ...failed, retryable: true }, { id });
  expect(await report(bench.redis, bench.keys, [again])).toEqual(['accepted']);
  expect(await trySubmit('refused')).toBe('full');
});

test('what was recovered from a lost agent waits', async () => {
  await fill({ onAgentLost: 'retry' });
  await startNext();
  // The first call has to hold off, as after an outage; this test skips the wait for that.
  await recover(bench.redis, bench.keys, 1000);
  await bench.redis.hset(bench.keys.recovery, 'holdUntil', 0, 'leaseMs', 0);
  const entry = await bench.redis.hget(bench.keys.command('c0'), 'entry');
  await bench.redis.xclaim(
    bench.keys.stream('default'),
    'agents',
    agentId,
    0,
    entry ?? '',
    'IDLE',
    60_000,
    'JUSTID',
  );
  expect((await recover(bench.redis, bench.keys, 1000)).resolved).toMatchObject([
    { word: 'requeued', id: 'c0' },
  ]);
  expect(await trySubmit('refused')).toBe('full');
});

test('what expired waits no more', async () => {
  await fill({ ttlMs: 3_600_000 });
  await bench.redis.hset(bench.keys.command('c0'), 'expiresAt', 1);
  await isDue(bench.keys.expiring, 'c0');
  expect(await expire(bench.redis, bench.keys, 10)).toMatchObject({ count: 1 });
  expect(await trySubmit('d')).toBe('accepted');
  expect(await trySubmit('refused')).toBe('full');
});

test('what has ended takes no place, whether it is pruned or not', async () => {
  await fill();
  const { id } = await startNext();
  expect(await report(bench.redis, bench.keys, [reportOf(completed, { id })])).toEqual(['accepted']);
  expect(await trySubmit('d')).toBe('accepted');
  await bench.redis.hset(bench.keys.command(id), 'finishedAt', 1);
  await bench.redis.zadd(bench.keys.index, 1, id);
  const retention = { retentionMs: 60_000, retentionMax: 10, rank: 0, most: 10 };
  expect(await prune(bench.redis, bench.keys, retention)).toMatchObject({ count: 1 });
  expect(await trySubmit('refused')).toBe('full');
});

test('a submission that is sent again takes no second place, and is answered also at the cap', async () => {
  await trySubmit('c0', { digest: 'd' });
  await trySubmit('c0', { digest: 'd' });
  await trySubmit('c1');
  await trySubmit('c2');
  expect(await trySubmit('refused')).toBe('full');
  expect(await trySubmit('c0', { digest: 'd' })).toBe('same');
});
