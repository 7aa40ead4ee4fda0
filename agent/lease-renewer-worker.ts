import { parentPort, workerData } from 'node:worker_threads';
import { elapsedMs, type Moment, now } from '../shared/runtime/clock.js';
import { noFaults } from '../shared/runtime/faults.js';
import { createLogger } from '../shared/runtime/logger.js';
import { Loop } from '../shared/runtime/service.js';
import { connect } from './connect.js';
import { HeldTableReader } from './held-table.js';
import {
  type FromLeaseRenewer,
  type LeaseRenewerData,
  keyOf,
  type TrackedAttempt,
  readAttempts,
  type ToLeaseRenewer,
} from './lease-renewer-messages.js';

/**
 * The lease renewer's thread. It shares nothing with the main thread but messages, the pulse and the table of what is held,
 * and has connections of its own.
 */

/** Most attempts in one renewal: a script must stay short. */
const mostPerCall = 200;

// The main thread put it there (lease-renewer.ts): this is the one place where its type is known.
const data = workerData as LeaseRenewerData;
const pulse = new BigInt64Array(data.pulse);
const { leaseMs, maxBlockMs, graceMs } = data;
const { agentId } = data.transport.agent;
const say = (message: FromLeaseRenewer) => parentPort?.postMessage(message);
const forwarded = { destination: { write: (line: string) => say({ kind: 'log', line }) } };
const logger = createLogger({
  side: 'agent',
  ...data.logger,
  ...(data.forwardsLog ? forwarded : {}),
}).child({ agentId });
const transport = connect(data.transport, logger, noFaults);
interface Held {
  readonly kept: TrackedAttempt;
  /** The place in the table; undefined for an attempt that came in a message. */
  readonly place: number | undefined;
  renewedAt: Moment;
  /** A hint named it: it is renewed at once, and again until that is answered. */
  hinted: boolean;
  /** Whether the main thread was notified of its cancel. */
  cancelled: boolean;
}
const held = new Map<string, Held>();
const table = new HeldTableReader(data.held);
/** The attempt at each place of the table. */
const atPlace: (string | undefined)[] = [];

/** Learns what the main thread holds by now. To be called before anything is decided about what is held. */
function look(): void {
  table.look({
    onTaken(place, kept, renewedAt) {
      atPlace[place] = keyOf(kept);
      hold(kept, renewedAt, place);
    },
    onGone(place) {
      const key = atPlace[place] ?? '';
      // The same attempt may have been given again meanwhile, and has another place then.
      if (held.get(key)?.place === place) held.delete(key);
    },
  });
}

const mainSilentMs = () => now().monotonicMs - Number(Atomics.load(pulse, 0));

function lose({ id, attempt }: TrackedAttempt, why: string): void {
  held.delete(keyOf({ id, attempt }));
  say({ kind: 'lost', id, attempt, why });
}

/** Forwards a cancel and keeps the lease: only its report ends the attempt, and until then no other may begin. */
function cancel(one: Held): void {
  if (one.cancelled) return;
  one.cancelled = true;
  say({ kind: 'cancelled', id: one.kept.id, attempt: one.kept.attempt });
  mustHear(graceMs);
}

async function renewSome(batch: readonly Held[]): Promise<void> {
  const sentAt = now();
  const words = await transport.renew(batch.map(({ kept }) => kept));
  look();
  batch.forEach((one, i) => {
    // The report may have been answered meanwhile: then the attempt is no longer held, and none of this matters.
    if (!held.has(keyOf(one.kept))) return;
    one.hinted = false;
    const word = words[i];
    if (word === 'ok' || word === 'cancelled') one.renewedAt = sentAt;
    if (word === 'cancelled') cancel(one);
    if (word === 'lost' || word === 'gone') {
      lose(one.kept, 'the attempt is no longer current');
      mustHear(graceMs);
    }
  });
}

/** Called often, so that a renewal that failed is retried long before its lease ends. */
async function renewDue(): Promise<void> {
  look();
  const due = [...held.values()].filter(
    ({ renewedAt, hinted }) => hinted || elapsedMs(renewedAt) >= transport.renewAfterMs,
  );
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
const renewals = quietly('renewing', renewDue);

/** Hints about what is not held: the message that it was started may be on its way. The oldest go first. */
const early = new Set<string>();
const mostEarly = 100;

function hear(hint: { readonly id: string; readonly attempt: number } | 'gap'): void {
  look();
  const named = hint === 'gap' ? [...held.values()] : [held.get(keyOf(hint))];
  for (const one of named) if (one) one.hinted = true;
  if (hint !== 'gap' && !held.has(keyOf(hint))) early.add(keyOf(hint));
  const [oldest] = early;
  if (early.size > mostEarly && oldest !== undefined) early.delete(oldest);
  void renewals();
}

function hold(kept: TrackedAttempt, renewedAt: Moment, place?: number): void {
  const hinted = early.delete(keyOf(kept));
  held.set(keyOf(kept), { kept, place, renewedAt, hinted, cancelled: false });
  if (hinted) void renewals();
}

async function beat(): Promise<void> {
  const reply = await transport.register();
  if (reply.word === 'ok') {
    if (reply.draining) say({ kind: 'draining' });
  } else say({ kind: 'over', why: `this agent's name was taken over (${reply.word})` });
}

const deadlineTickMs = Math.min(250, leaseMs / 24);
/**
 * Set while the main thread must stop something and has been blocked since it was notified. Counted in ticks of
 * this thread, not by a clock: when the whole process was frozen, both wake up together, and the main thread must
 * be given time to receive the message.
 */
let unheard: { readonly pulse: bigint; waitedMs: number; mostMs: number } | undefined;

function mustHear(withinMs: number): void {
  const turn = Atomics.load(pulse, 0);
  if (unheard?.pulse !== turn) unheard = { pulse: turn, waitedMs: 0, mostMs: withinMs };
  else unheard.mostMs = Math.min(unheard.mostMs, unheard.waitedMs + withinMs);
}

/** Code that blocks its thread can be stopped in no other way. */
function endProcess(): void {
  unheard = undefined;
  if (data.mayKill) process.kill(process.pid, 'SIGKILL');
  else
    logger.error('the main thread is blocked, and what it runs cannot be stopped: another attempt may begin');
}

/**
 * Near the end of a lease that could not be renewed, another attempt may begin elsewhere: a command that may be
 * retried must stop here first. Any other command goes on: no other agent may execute it.
 */
function watchDeadlines(): Promise<void> {
  look();
  if (unheard) {
    unheard.waitedMs += deadlineTickMs;
    if (unheard.pulse !== Atomics.load(pulse, 0)) unheard = undefined;
    else if (unheard.waitedMs >= unheard.mostMs) endProcess();
  }
  for (const { kept, renewedAt } of held.values()) {
    if (kept.onAgentLost !== 'retry' || elapsedMs(renewedAt) <= (leaseMs * 5) / 6) continue;
    mustHear(leaseMs / 8);
    lose(kept, 'its lease could not be renewed and is about to end');
  }
  return Promise.resolve();
}

async function recover(): Promise<void> {
  for (const { word, id, ...about } of await transport.recover()) {
    logger.warn({ commandId: id, ...about, outcome: word }, 'recovered');
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
      if (!failing) logger.warn({ err: error }, `${name} failed; retrying`);
      failing = true;
    }
  };
}

const loops = [
  new Loop({
    name: 'renewals',
    intervalMs: Math.min(leaseMs / 12, transport.renewAfterMs / 3),
    logger,
    tick: renewals,
  }),
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

parentPort?.on('message', (message: ToLeaseRenewer) => {
  switch (message.kind) {
    case 'change':
      for (const { renewedAt, attempts } of message.held) {
        for (const kept of readAttempts(attempts)) hold(kept, renewedAt);
      }
      for (const attempt of readAttempts(message.dropped)) {
        const key = keyOf(attempt);
        // An attempt with a place in the table is dropped when it leaves that: this may be about a former delivery.
        if (held.get(key)?.place === undefined) held.delete(key);
      }
      return;
    case 'stop':
      void Promise.all(loops.map((loop) => loop.stop())).finally(() => {
        transport.close();
        parentPort?.close();
      });
  }
});
for (const loop of loops) void loop.start();
transport.hearCancels(hear);
say({ kind: 'ready' });
