import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaults } from '../shared/protocol/commands.js';
import { group, partitionKeys } from '../shared/store/keys.js';
import { isLong } from '../testing/extent.js';
import { endProcesses, startProcess } from '../testing/processes.js';
import { type TestRedis } from '../testing/redis-server.js';
import { countCycle } from './cycle.js';
import { fencepostCycle } from './fencepost-cycle.js';
import { startRedis } from './redis.js';
import { smoke } from './smoke.js';
import { overruns } from './write-budget.js';

let redis: TestRedis;
beforeEach(async () => (redis = await startRedis()));
afterEach(() => redis.stop());

test.each([1, 10])('a batch of %i writes exactly what the budget grants it', async (n) => {
  const client = redis.client();
  const writes = await countCycle(client, fencepostCycle(client), n);
  expect(writes).toEqual({
    submit: { xadd: n, hset: n + 1, zadd: 1, hincrby: 1 },
    start: { xreadgroup: 1, msetnx: 1, hset: n + 1 },
    report: { hset: n + 1, xack: 1, xdel: 1, del: 1 },
  });
  expect(overruns(writes, n)).toEqual([]);
});

test('a round completes for both, and leaves nothing on the stream and nothing pending', async () => {
  const commands = 200;
  const seen: number[] = [];
  const result = await smoke(redis, {
    commands,
    rounds: 1,
    signal: new AbortController().signal,
    onRound: (_round, number) => seen.push(number),
  });
  expect(seen).toEqual([1]);
  expect(result.rounds).toHaveLength(1);
  expect(result.ratio.median).toBeGreaterThan(0);
  expect(result.writes.overruns).toEqual([]);

  const client = redis.client();
  const keys = partitionKeys();
  expect(await client.xlen(keys.stream(defaults.queue))).toBe(0);
  expect((await client.xpending(keys.stream(defaults.queue), group))[0]).toBe(0);
  // The two counted batches, the round that warms up, and the round.
  expect(await client.hgetall(keys.counts)).toEqual({
    PENDING: '0',
    RUNNING: '0',
    COMPLETED: String(2 * result.writes.batch + 2 * commands),
  });
});

// In `npm test` main.redis.test.ts tries the program with another benchmark.
if (isLong) {
  describe('the program', theProgram);
}

function theProgram() {
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'fencepost-smoke-'))));
  afterEach(async () => {
    await endProcesses();
    rmSync(folder, { recursive: true });
  });
  const start = (...args: string[]) =>
    startProcess(['dist/bench/main.js', ...args], { env: { TMPDIR: folder }, ownGroup: true });
  /** Whether any process of the group that `pid` leads is left. */
  const groupIsAlive = (pid: number) => {
    try {
      return process.kill(-pid, 0);
    } catch {
      return false;
    }
  };

  test('prints the ratio, writes its file, and leaves no process and no other file', async () => {
    const file = join(folder, 'result.json');
    const bench = start('smoke', '--commands=200', '--rounds=1', `--json=${file}`);
    expect(await bench.exited).toEqual({ code: 0, signal: null });
    expect(bench.output).toMatch(/^Fencepost \/ BullMQ: \d+\.\d\d /m);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      machine: { appendfsync: 'always' },
      load: { commands: 200, concurrency: 100 },
      writes: { batch: 10, overruns: [] },
      rounds: [{ fencepost: {}, bullmq: {} }],
    });
    expect(readdirSync(folder)).toEqual(['result.json']);
    expect(groupIsAlive(bench.pid)).toBe(false);
  });

  test('ends at Ctrl-C, and leaves no process and no file', async () => {
    const bench = start('smoke', '--commands=1000', '--rounds=20');
    await bench.waitForLine(/^round 1:/);
    bench.killGroup('SIGINT');
    expect(await bench.exited).toEqual({ code: 1, signal: null });
    expect(bench.output).toContain('stopped by SIGINT');
    expect(readdirSync(folder)).toEqual([]);
    expect(groupIsAlive(bench.pid)).toBe(false);
  });

  test('refuses what it does not know, every fault at once', async () => {
    const bench = start('smoke', '--comands=5', '--rounds=0');
    expect(await bench.exited).toEqual({ code: 1, signal: null });
    expect(bench.lines).toEqual([
      'unknown flag --comands, did you mean --commands?',
      '--rounds: must be a whole number from 1 to 20, but is "0"',
    ]);
  });
}
