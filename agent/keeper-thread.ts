import { parentPort, workerData } from 'node:worker_threads';
import { elapsedMs, type Moment, now } from '../shared/runtime/clock.js';
import { noFaults } from '../shared/runtime/faults.js';
import { createLogger } from '../shared/runtime/logger.js';
import { Loop } from '../shared/runtime/service.js';
import { connect } from './connect.js';
import {
  type FromKeeper,
  type KeeperData,
  type KeptAttempt,
  readAttempts,
  type ToKeeper,
} from './keeper-protocol.js';

/**
 * The keeper's thread. It shares nothing with the main thread but messages and the pulse, and has
 * connections of its own.
 */

/** Most attempts in one renewal: a script must stay short. */
const mostPerCall = 200;

// What the main thread put there (keeper.ts): the one place where its type is known.
const data = workerData as KeeperData;
const pulse = new BigInt64Array(data.pulse);
const { leaseMs, maxBlockMs } = data;
const { agentId } = data.transport.agent;
const logger = createLogger({ side: 'agent', ...data.logger }).child({ agentId });
const transport = connect(data.transport, logger, noFaults);
const held = new Map<string, { kept: KeptAttempt; renewedAt: Moment }>();
const keyOf = (one: { readonly id: string; readonly attempt: number }) => `${one.id}:${one.attempt}`;

const say = (message: FromKeeper) => parentPort?.postMessage(message);
const mainSilentMs = () => now().monotonicMs - Number(Atomics.load(pulse, 0));

function lose({ id, attempt }: KeptAttempt, why: string): void {
  held.delete(keyOf({ id, attempt }));
  say({ kind: 'lost', id, attempt, why });
}

async function renewSome(batch: readonly { kept: KeptAttempt; renewedAt: Moment }[]): Promise<void> {
  const sentAt = now();
  const words = await transport.renew(batch.map(({ kept }) => kept));
  batch.forEach((one, i) => {
    // Its report may have been answered meanwhile: then it is no longer held, and none of this matters.
    if (!held.has(keyOf(one.kept))) return;
    if (words[i] === 'ok') one.renewedAt = sentAt;
    else if (words[i] !== 'broken') lose(one.kept, 'the attempt is no longer current');
  });
}

/** Asked often, so that a renewal that failed is tried again long before its lease ends. */
async function renewDue(): Promise<void> {
  const due = [...held.values()].filter(({ renewedAt }) => elapsedMs(renewedAt) >= leaseMs / 4);
  if (due.length === 0) return;
  const silentMs = mainSilentMs();
  if (silentMs > maxBlockMs) {
    throw new Error(`the main thread has been blocked for ${silentMs} ms: its commands are left to recovery`);
  }
  const batches = Array.from({ length: Math.ceil(due.length / mostPerCall) }, (_, i) =>
    due.slice(i * mostPerCall, (i + 1) * mostPerCall),
  );
  await Promise.all(batches.map(renewSome));
}

async function beat(): Promise<void> {
  const reply = await transport.register();
  if (reply.word === 'ok') {
    if (reply.draining) say({ kind: 'draining' });
  } else say({ kind: 'over', why: `this agent's name was taken over (${reply.word})` });
}

const deadlineTickMs = Math.min(250, leaseMs / 24);
/**
 * The main thread was told to stop something and has not turned since. Counted in ticks of this
 * thread, not by a clock: when the whole process was frozen, both wake up together, and the main
 * thread must be given time to hear.
 */
let unheard: { readonly pulse: bigint; waitedMs: number } | undefined;

/**
 * Near the end of a lease that nobody renewed, another attempt may begin elsewhere: what may be
 * tried again must stop here first. What may not, goes on: nobody else may execute it.
 */
function watchDeadlines(): Promise<void> {
  if (unheard) {
    unheard.waitedMs += deadlineTickMs;
    if (unheard.pulse !== Atomics.load(pulse, 0)) unheard = undefined;
    // Code that blocks its thread can be stopped in no other way.
    else if (unheard.waitedMs >= leaseMs / 8) process.kill(process.pid, 'SIGKILL');
  }
  for (const { kept, renewedAt } of held.values()) {
    if (kept.onAgentLost !== 'retry' || elapsedMs(renewedAt) <= (leaseMs * 5) / 6) continue;
    unheard ??= { pulse: Atomics.load(pulse, 0), waitedMs: 0 };
    lose(kept, 'its lease could not be renewed and is about to end');
  }
  return Promise.resolve();
}

async function recover(): Promise<void> {
  for (const { word, id, ...about } of await transport.recover()) {
    logger.warn({ commandId: id, ...about, word }, 'recovered');
  }
}

/** Outages are ordinary here: one line when one begins, one when it is over. */
function quietly(name: string, work: () => Promise<void>): () => Promise<void> {
  let failing = false;
  return async () => {
    try {
      await work();
      if (failing) logger.info(`${name} works again`);
      failing = false;
    } catch (error) {
      if (!failing) logger.warn({ err: error }, `${name} fails; it is tried again`);
      failing = true;
    }
  };
}

const loops = [
  new Loop({ name: 'renewals', intervalMs: leaseMs / 12, logger, tick: quietly('renewing', renewDue) }),
  new Loop({ name: 'heartbeat', intervalMs: leaseMs / 3, logger, tick: quietly('the heartbeat', beat) }),
  new Loop({
    name: 'recovery',
    intervalMs: leaseMs / 12,
    jitter: 0.3,
    // At once: a lease that is longer than those in use counts from the first call on.
    immediately: true,
    logger,
    tick: quietly('recovery', recover),
  }),
  new Loop({ name: 'deadlines', intervalMs: deadlineTickMs, logger, tick: watchDeadlines }),
];

parentPort?.on('message', (message: ToKeeper) => {
  switch (message.kind) {
    case 'change':
      for (const { renewedAt, attempts } of message.held) {
        for (const kept of readAttempts(attempts)) held.set(keyOf(kept), { kept, renewedAt });
      }
      for (const attempt of readAttempts(message.dropped)) held.delete(keyOf(attempt));
      return;
    case 'stop':
      void Promise.all(loops.map((loop) => loop.stop())).finally(() => {
        transport.close();
        parentPort?.close();
      });
  }
});
for (const loop of loops) void loop.start();
say({ kind: 'ready' });
