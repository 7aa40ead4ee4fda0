import { join } from 'node:path';
import { isAborted, pause } from '../shared/runtime/service.js';
import { ClientLog } from '../shared/testing/client-log.js';
import { type AgentTransport } from '../shared/testing/deployment.js';
import { lookEarly, type Violation } from '../shared/testing/invariants.js';
import { type Actor } from './actor.js';
import { Arena } from './arena.js';
import { Clients } from './clients.js';
import { Dice } from './dice.js';
import { explanations } from './explanations.js';
import { FaultLog } from './fault-log.js';
import { tellHistories } from './histories.js';
import { queues } from './load.js';
import { comesToRest, longestRestMs } from './rest.js';
import { Nemesis } from './nemesis.js';
import { type ChaosOptions } from './options.js';
import { type FaultRecord, type RoundRecord, type Sample, type Tally } from './record.js';
import { type Arm, Schedule } from './schedule.js';
import { Watch } from './watch.js';
import { WireTally } from './wire-tally.js';

/** A round as it goes, for the live line. */
export interface RoundProgress {
  readonly round: number;
  readonly sample: Sample;
  readonly faults: readonly FaultRecord[];
  readonly tally: Tally;
}

export interface RoundOptions extends ChaosOptions {
  readonly number: number;
  readonly onProgress: (progress: RoundProgress) => void;
}

const sampleMs = 500;
/** How long an effect may still be on its way at rest: longer than any answer of the ledger takes. */
const settleMs = 1000;

/** One round: fresh data, load, faults; then everything heals, comes to rest, and is judged. */
export async function playRound(options: RoundOptions): Promise<RoundRecord> {
  const { number, seed, mix, leaseMs, env = {} } = options;
  const agents = transportsOf(options);
  const schedule = new Schedule(seed, mix);
  const tally = new WireTally();
  const began = performance.now();
  const beganAtMs = Date.now();
  const nowMs = () => Math.round(performance.now() - began);

  let nemesis: Nemesis | undefined;
  const endedEarly: [Actor, Arm | null][] = [];
  const events = {
    onEnded: (actor: Actor, arm: Arm | null) => {
      if (nemesis) nemesis.ended(actor, arm);
      else endedEarly.push([actor, arm]);
    },
  };
  const arena = await Arena.start({
    agents,
    servers: options.servers,
    leaseMs,
    env,
    schedule,
    tally,
    events,
  });
  const watch = await Watch.open(arena.deployment.redis, nowMs, (ended) => nemesis?.event(ended));
  const log = new ClientLog();
  const faults = new FaultLog(watch, nowMs);
  const clients = new Clients({
    servers: arena.servers,
    ledgerUrl: arena.ledger.url,
    log,
    watch,
    diceOf: (client) => new Dice(seed, 'client', client),
    count: options.clients,
  });
  const samples: Sample[] = [];
  const sample = () => {
    const accepted = log.accepted().size;
    samples.push({ atMs: nowMs(), accepted, ended: watch.ended, open: Math.max(0, accepted - watch.ended) });
    const [last] = samples.slice(-1);
    if (last) options.onProgress({ round: number, sample: last, faults: faults.records, tally: tally.tally });
  };
  const timer = setInterval(sample, sampleMs);
  try {
    const scene = { arena, watch, faults, tally, leaseMs };
    nemesis = new Nemesis({ scene, schedule, seed });
    for (const [actor, arm] of endedEarly) nemesis.ended(actor, arm);
    nemesis.start();
    await arena.ready();
    clients.start();
    const certain = await lasts(arena, options);

    await nemesis.stop();
    const healedMs = nowMs();
    const longest = certain.length > 0 ? 0 : longestRestMs(leaseMs);
    const areDone = await clients.finish(longest);
    const isAtRest = await comesToRest(arena.redis, queues, longest);
    const restMs = isAtRest && areDone ? nowMs() - healedMs : null;
    await faults.close((id) => clients.idsOf(id));
    sample();
    const report = await arena.deployment.judge({
      clients: log,
      ledger: arena.ledger,
      faults: explanations(faults.records, {
        agents: arena.agents,
        leaseMs,
        beganAtMs,
        endedMs: nowMs(),
        afterMs: 2 * leaseMs,
      }),
      settleMs,
    });
    // Without rest, what the judge says beyond them may be of what was on its way.
    const violations = certain.length > 0 ? certain : report.violations;
    const histories = await tellHistories(violations, {
      redisDirectory: arena.deployment.redis.directory,
      clients: log,
      hits: violations.length > 0 ? await arena.ledger.hits() : [],
      faults: faults.records,
      processes: arena.deployment.processes,
      beganAtMs,
    });
    return {
      number,
      seed,
      agents,
      servers: options.servers,
      leaseMs,
      durationMs: nowMs(),
      restMs,
      faults: faults.records,
      samples,
      tally: tally.tally,
      counts: report.counts,
      violations,
      mix: clients.mix,
      histories,
      troubles: [...nemesis.troubles, ...clients.troubles],
    };
  } finally {
    clearInterval(timer);
    watch.close();
    await nemesis?.stop();
    await arena.stop();
  }
}

/**
 * Lets the round go on until its time is over.
 *
 * @returns violations that ended it, if it was to end at the first
 */
async function lasts(
  arena: Arena,
  { roundSeconds, signal, stopAtViolation }: RoundOptions,
): Promise<readonly Violation[]> {
  const over = new AbortController();
  const time = pause(roundSeconds * 1000, signal).then(() => []);
  if (!stopAtViolation) return time;
  const found = await Promise.race([time, untilViolated(arena, over.signal)]);
  over.abort();
  return found;
}

/** How often the log of a round is read while it goes on. */
const lookMs = 2000;

/** Resolves when something is wrong beyond doubt. */
async function untilViolated(
  { deployment, ledger }: Arena,
  signal: AbortSignal,
): Promise<readonly Violation[]> {
  const aof = join(deployment.redis.directory, 'appendonlydir');
  while (!isAborted(signal)) {
    await pause(lookMs, signal);
    // While Redis begins a new file, the log is not whole for a moment.
    const found = await lookEarly({ ledger, aof }).catch(() => []);
    if (found.length > 0) return found;
  }
  return [];
}

function transportsOf({ agents, transport }: ChaosOptions): AgentTransport[] {
  const ofAgent = (i: number): AgentTransport => (i % 2 === 0 ? 'redis' : 'http');
  return Array.from({ length: agents }, (_, i) => (transport === 'both' ? ofAgent(i) : transport));
}
