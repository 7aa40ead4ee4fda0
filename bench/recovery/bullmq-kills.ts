import { randomUUID } from 'node:crypto';
import { Queue, QueueEvents } from 'bullmq';
import { pause } from '../../shared/runtime/service.js';
import { untilReady } from '../../testing/deployment.js';
import { Ledger } from '../../testing/ledger.js';
import { startProcess, type TestProcess } from '../../testing/processes.js';
import { type TestRedis } from '../../testing/redis-server.js';
import { closeBullMq, connectionTo } from '../bullmq.js';
import { unlessAborted } from '../contestant.js';
import { type Fate, type Kill, whatFollowed } from './kill.js';
import { longMs, type Work } from './work.js';

export interface BullMqKillOptions {
  readonly redis: TestRedis;
  /** How many jobs the worker executes when it is killed: as many as it may. */
  readonly inFlight: number;
  readonly fate: Fate;
  /** How long the worker has executed them by then. */
  readonly afterMs: number;
  /** `lockDuration` and `stalledInterval`; BullMQ's defaults when left out. */
  readonly pauseMs: number | undefined;
  /** Lets the start of its processes wait for that of others: many that start at once are all late. */
  readonly inTurn: <T>(start: () => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal;
}

/** More than lock and both checks take at their defaults. */
const longestMs = 240_000;

/** Kills one BullMQ worker, on a queue of its own: many may be under way at once. */
export async function killBullMqWorker(options: BullMqKillOptions): Promise<Kill> {
  const { redis, signal } = options;
  const name = `recovery-${randomUUID()}`;
  const ledger = await Ledger.start();
  const queue = new Queue(name, { connection: connectionTo(redis.socket) });
  const events = new QueueEvents(name, { connection: connectionTo(redis.socket) });
  // A stopped Redis is reported by whatever call it fails.
  queue.on('error', () => undefined);
  events.on('error', () => undefined);
  const workers: TestProcess[] = [];
  const within = AbortSignal.any([signal, AbortSignal.timeout(longestMs + options.afterMs)]);
  try {
    return await unlessAborted(within, kill(options, { ledger, queue, events, workers }));
  } finally {
    for (const worker of workers) worker.kill('SIGKILL');
    await Promise.all(workers.map(({ exited }) => exited));
    await closeBullMq(queue, events);
    await ledger.stop();
  }
}

interface Parts {
  readonly ledger: Ledger;
  readonly queue: Queue;
  readonly events: QueueEvents;
  /** Every one that was started. */
  readonly workers: TestProcess[];
}

async function kill(options: BullMqKillOptions, { ledger, queue, events, workers }: Parts): Promise<Kill> {
  const { redis, inFlight: count, fate, afterMs, pauseMs, inTurn, signal } = options;
  const startWorker = async () => {
    const args = [
      redis.socket,
      queue.name,
      String(count),
      ...(pauseMs === undefined ? [] : [String(pauseMs)]),
    ];
    const worker = startProcess(['dist/bench/recovery/bullmq-work-main.js', ...args], { ipc: true });
    workers.push(worker);
    await untilReady(worker);
    return worker;
  };
  const add = async (howMany: number, ms: number) => {
    const data: Work = { url: ledger.url, ms };
    const jobs = await queue.addBulk(Array.from({ length: howMany }, () => ({ name: 'work', data })));
    return jobs.map(({ id }) => `${queue.name}:${id}`);
  };

  const { victim, inFlight } = await inTurn(async () => {
    signal.throwIfAborted();
    await events.waitUntilReady();
    const victim = await startWorker();
    const inFlight = await add(count, longMs);
    await ledger.waitForHits(count);
    // Not earlier: it would have taken its share of them.
    if (fate === 'gone') await startWorker();
    return { victim, inFlight };
  });
  await pause(afterMs, signal);

  const settled = lastStalled(events, count);
  const atMs = Date.now();
  victim.kill('SIGKILL');
  const restarted = fate === 'gone' ? undefined : victim.exited.then(startWorker);
  const [next = ''] = await add(1, 0);
  const settledAtMs = await settled;
  // Every job in flight is executed twice, and the next one once.
  await ledger.waitForHits(2 * count + 1);
  await restarted;
  return whatFollowed({ atMs, settledAtMs, inFlight, next }, ledger.hits());
}

/** @returns when so many jobs had been requeued since their worker had vanished */
function lastStalled(events: QueueEvents, count: number): Promise<number> {
  let left = count;
  return new Promise((done) => {
    events.on('stalled', () => {
      if (--left === 0) done(Date.now());
    });
  });
}
