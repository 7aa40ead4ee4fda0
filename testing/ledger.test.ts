import { join } from 'node:path';
import { Ledger, type LedgerAnswer, remoteLedger } from './ledger.js';
import { endProcesses, startProcess } from './processes.js';
import { repositoryRoot } from './redis-server.js';

describe('the ledger', () => {
  let ledger: Ledger;
  beforeEach(async () => (ledger = await Ledger.start()));
  afterEach(() => ledger.stop());

  const hit = async (commandId: string, attempt: number, path = '/') => {
    const headers = { 'idempotency-key': commandId, 'fencepost-attempt': String(attempt) };
    const answer = await fetch(new URL(path, ledger.url), { headers });
    return (await answer.json()) as LedgerAnswer;
  };

  test('writes down every request in order, and never deduplicates', async () => {
    const answers = [await hit('c', 1), await hit('c', 1), await hit('d', 2)];
    expect(ledger.hits().map(({ order, commandId, attempt }) => [order, commandId, attempt])).toEqual([
      [1, 'c', 1],
      [2, 'c', 1],
      [3, 'd', 2],
    ]);
    expect(ledger.hits().map(({ answer }) => answer)).toEqual(answers);
    expect(new Set(answers.map(({ receipt }) => receipt)).size).toBe(3);
    expect(ledger.hitsOf('c')).toHaveLength(2);
    expect(ledger.hits()[0]?.answeredMs).toBeGreaterThanOrEqual(ledger.hits()[0]?.atMs ?? Infinity);
  });

  test('answers the first attempts with 503 when its URL says so, and writes them down', async () => {
    const statusOf = async (attempt: number) => {
      const headers = { 'idempotency-key': 'c', 'fencepost-attempt': String(attempt) };
      return (await fetch(new URL('/?failFirst=2', ledger.url), { headers })).status;
    };
    expect([await statusOf(1), await statusOf(2), await statusOf(3)]).toEqual([503, 503, 200]);
    expect(ledger.hits()).toHaveLength(3);
  });

  test('writes down a request that does not name its command', async () => {
    await fetch(ledger.url, { method: 'POST', body: 'x' });
    expect(ledger.hits()).toMatchObject([{ commandId: '', attempt: 0 }]);
  });

  test('says when hits have arrived, of all commands or of one', async () => {
    const [two, ofD] = [ledger.waitForHits(2), ledger.waitForHits(1, 'd')];
    await hit('c', 1);
    await hit('d', 1);
    expect(await two).toHaveLength(2);
    expect(await ofD).toMatchObject([{ commandId: 'd' }]);
    expect(await ledger.waitForHits(1)).toHaveLength(2);
  });

  test('holds answers until they are released, while others pass', async () => {
    const hold = ledger.hold(({ commandId }) => commandId === 'c');
    const held = hit('c', 1);
    expect(await hold.first).toMatchObject({ commandId: 'c', answeredMs: null });
    await hit('d', 1);
    expect(ledger.hitsOf('c')[0]?.answeredMs).toBeNull();
    hold.release();
    expect((await held).receipt).toBe(ledger.hitsOf('c')[0]?.answer.receipt);
    await hit('c', 2);
  });

  test('writes down at once what it answers later', async () => {
    const answer = hit('c', 1, '/?delayMs=30');
    const [first] = await ledger.waitForHits(1);
    expect(first?.answeredMs).toBeNull();
    await answer;
    expect((first?.answeredMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(29);
  });

  test('ends while answers are due', async () => {
    const other = await Ledger.start({ delayMs: 60_000 });
    const answer = fetch(other.url).catch(() => 'no answer');
    await other.waitForHits(1);
    await other.stop();
    expect(await answer).toBe('no answer');
  });

  test('can be read from another process, without that being an effect', async () => {
    await hit('c', 1);
    const remote = remoteLedger(ledger.url);
    await remote.hits();
    expect(await remote.hits()).toEqual(ledger.hits());
  });
});

describe('the ledger as a process of its own', () => {
  afterEach(endProcesses);

  test('prints its URL, and ends on SIGTERM', async () => {
    const child = startProcess([join(repositoryRoot, 'dist/testing/ledger-main.js')]);
    const url = await child.waitForLine(/^http/);
    await fetch(url, { headers: { 'idempotency-key': 'c', 'fencepost-attempt': '1' } });
    expect(await remoteLedger(url).hits()).toMatchObject([{ commandId: 'c', attempt: 1 }]);
    process.kill(child.pid, 'SIGTERM');
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });
});
