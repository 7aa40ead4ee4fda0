import { join } from 'node:path';
import { isAborted, pause } from '../shared/runtime/service.js';
import { ClientLog } from '../testing/client-log.js';
import { type AgentTransport } from '../testing/deployment.js';
import { lookEarly, type Report, type Violation } from '../testing/invariants.js';
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
import { StallWatch } from './stalls.js';
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

/** One round: fresh data, load, faults; then everything heals, comes to rest, and is checked. */
export async function playRound(options: RoundOptions): Promise<RoundRecord> {
  const round = await Round.begin(options);
  try {
    await round.hurt();
    await round.rest();
    return await round.judge();
  } finally {
    await round.end();
  }
}

class Round {
  readonly #options: RoundOptions;
  readonly #arena: Arena;
  readonly #tally: WireTally;
  readonly #watch: Watch;
  readonly #faults: FaultLog;
  readonly #clients: Clients;
  readonly #nemesis: Nemesis;
  readonly #log = new ClientLog();
  readonly #samples: Sample[] = [];
  readonly #began: Began;
  readonly #stalls: StallWatch;
  readonly #timer: NodeJS.Timeout;
  /** Violations that were beyond doubt while the round went on. */
  #certain: readonly Violation[] = [];
  #restMs: number | null = null;

  private constructor(options: RoundOptions, { arena, tally, watch, began, schedule }: Staged) {
    const { seed, leaseMs } = options;
    this.#options = options;
    this.#arena = arena;
    this.#tally = tally;
    this.#watch = watch;
    this.#began = began;
    this.#faults = new FaultLog(watch, began.nowMs);
    this.#clients = new Clients({
      servers: arena.servers,
      load: { ledgerUrl: arena.ledger.url, hasOwnType: true },
      log: this.#log,
      watch,
      retentionMs: options.retentionMs,
      diceOf: (client, what) => new Dice(seed, what, client),
      count: options.clients,
    });
    const scene = { arena, watch, faults: this.#faults, tally, leaseMs, clients: this.#log };
    this.#nemesis = new Nemesis({ scene, schedule, seed });
    this.#stalls = new StallWatch(arena.servers, leaseMs);
    this.#timer = setInterval(() => this.#sample(), sampleMs);
  }

  static async begin(options: RoundOptions): Promise<Round> {
    const { seed, mix, servers, leaseMs, retentionMs } = options;
    const began = begin();
    const schedule = new Schedule(seed, mix);
    const tally = new WireTally();
    // Armed processes may die before the nemesis exists, which looks after them.
    const early: [Actor, Arm | null][] = [];
    const looking: { after?: Nemesis } = {};
    const events = {
      onEnded: (actor: Actor, arm: Arm | null) => {
        if (looking.after) looking.after.ended(actor, arm);
        else early.push([actor, arm]);
      },
    };
    const agents = transportsOf(options);
    const arena = await Arena.start({ agents, servers, leaseMs, retentionMs, schedule, tally, events });
    const watch = await Watch.open(arena.deployment.redis, began.nowMs, (ended) =>
      looking.after?.event(ended),
    );
    const round = new Round(options, { arena, tally, watch, began, schedule });
    looking.after = round.#nemesis;
    for (const [actor, arm] of early) round.#nemesis.ended(actor, arm);
    return round;
  }

  /** Runs load and faults, until the time of the round is over. */
  async hurt(): Promise<void> {
    this.#nemesis.start();
    await this.#arena.ready();
    this.#clients.start();
    this.#certain = await this.#lasts();
  }

  /** Heals everything, and lets what was begun end. */
  async rest(): Promise<void> {
    await this.#nemesis.stop();
    const healedMs = this.#began.nowMs();
    // A round that is known to be broken may never come to rest.
    const longest = this.#certain.length > 0 ? 0 : longestRestMs(this.#options.leaseMs);
    const areDone = await this.#clients.finish(longest);
    const leftMs = Math.max(0, healedMs + longest - this.#began.nowMs());
    const isAtRest = await comesToRest(this.#arena.redis, queues, leftMs);
    this.#restMs = isAtRest && areDone ? this.#began.nowMs() - healedMs : null;
    await this.#faults.close((id) => this.#clients.idsOf(id));
    this.#sample();
  }

  async judge(): Promise<RoundRecord> {
    const { number, seed, servers, leaseMs } = this.#options;
    const report = await this.#report();
    // A round that broke was given no time to come to rest: other findings may concern work that was in flight.
    const violations = this.#certain.length > 0 ? this.#certain : report.violations;
    return {
      number,
      seed,
      agents: transportsOf(this.#options),
      servers,
      leaseMs,
      durationMs: this.#began.nowMs(),
      restMs: this.#restMs,
      faults: this.#faults.records,
      samples: this.#samples,
      stalls: this.#stalls.stalls.length,
      tally: this.#tally.tally,
      counts: report.counts,
      violations,
      mix: this.#clients.mix,
      histories: await this.#tell(violations),
      troubles: [...this.#nemesis.troubles, ...this.#clients.troubles],
    };
  }

  /** Ends everything that it started. */
  async end(): Promise<void> {
    clearInterval(this.#timer);
    this.#watch.close();
    this.#stalls.stop();
    await this.#nemesis.close();
    await this.#arena.stop();
  }

  #report(): Promise<Report> {
    const { leaseMs, retentionMs } = this.#options;
    const { nowMs, atMs: beganAtMs } = this.#began;
    const { agents, deployment, ledger } = this.#arena;
    const { stalls } = this.#stalls;
    const facts = { agents, leaseMs, beganAtMs, endedMs: nowMs(), afterMs: leaseMs / 4, stalls };
    const faults = explanations(this.#faults.records, facts);
    return deployment.judge({ clients: this.#log, ledger, faults, settleMs, retentionMs });
  }

  async #tell(violations: readonly Violation[]): Promise<Record<string, readonly string[]>> {
    const { deployment, ledger } = this.#arena;
    return tellHistories(violations, {
      redisDirectory: deployment.redis.directory,
      clients: this.#log,
      hits: violations.length > 0 ? await ledger.hits() : [],
      faults: this.#faults.records,
      processes: deployment.processes,
      beganAtMs: this.#began.atMs,
    });
  }

  #sample(): void {
    const accepted = this.#log.accepted().size;
    const { ended } = this.#watch;
    const sample = { atMs: this.#began.nowMs(), accepted, ended, open: Math.max(0, accepted - ended) };
    this.#samples.push(sample);
    const [faults, tally] = [this.#faults.records, this.#tally.tally];
    this.#options.onProgress({ round: this.#options.number, sample, faults, tally });
  }

  /** Resolves when its time is over, or, if it is to end at the first violation, with that. */
  async #lasts(): Promise<readonly Violation[]> {
    const { roundSeconds, signal, stopAtViolation } = this.#options;
    const time = pause(roundSeconds * 1000, signal).then(() => []);
    if (!stopAtViolation) return time;
    const over = new AbortController();
    const found = await Promise.race([time, untilViolated(this.#arena, over.signal)]);
    over.abort();
    return found;
  }
}

interface Staged {
  readonly arena: Arena;
  readonly tally: WireTally;
  readonly watch: Watch;
  readonly began: Began;
  readonly schedule: Schedule;
}

interface Began {
  /** By the wall clock. */
  readonly atMs: number;
  readonly nowMs: () => number;
}

function begin(): Began {
  const began = performance.now();
  return { atMs: Date.now(), nowMs: () => Math.round(performance.now() - began) };
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
