import { setTimeout as delay } from 'node:timers/promises';
import { type Redis } from 'ioredis';
import { type ClientLog } from './client-log.js';
import { errorCodeOf, executedOf, type Fields, isTerminal } from './command-state.js';
import { acknowledgedMeansSettled } from './invariants/acknowledged-means-settled.js';
import { attemptsOnlyGrow } from './invariants/attempts-only-grow.js';
import { executedTellsTheTruth } from './invariants/executed-tells-the-truth.js';
import {
  type Evidence,
  type Faults,
  HitsByCommand,
  type Invariant,
  type Violation,
} from './invariants/invariant.js';
import { effectsOf, nothingDoubled } from './invariants/nothing-doubled.js';
import { nothingLost } from './invariants/nothing-lost.js';
import { oneOutcome } from './invariants/one-outcome.js';
import { reportedIsWhatHappened } from './invariants/reported-is-what-happened.js';
import { zombiesChangeNothing } from './invariants/zombies.js';
import { type HitSource } from './ledger.js';
import { readRest, type Rest } from './rest.js';
import { Trails } from './trails.js';
import { Verdict } from './verdict.js';
import { readTransitions } from './transitions-log.js';

export type { Fault, Faults, InvariantNumber, Violation } from './invariants/invariant.js';

/** The eight invariants of docs/explanation/architecture.md. */
export const invariants: readonly Invariant[] = [
  nothingLost,
  nothingDoubled,
  oneOutcome,
  zombiesChangeNothing,
  acknowledgedMeansSettled,
  reportedIsWhatHappened,
  attemptsOnlyGrow,
  executedTellsTheTruth,
];

export interface JudgeOptions {
  readonly clients: ClientLog;
  readonly ledger: HitSource;
  /** Redis's `appendonlydir`; Redis must have run with `aof-disable-auto-gc yes`. */
  readonly aof: string;
  /** A client of that Redis, for the states at rest. */
  readonly redis: Redis;
  /** How long an effect may still be on its way: longer than the longest pause that was injected. */
  readonly settleMs: number;
  /** Default `any`. */
  readonly faults?: Faults;
  /** How long an ended command must be kept. Default: for ever, whatever else is deleted is lost. */
  readonly retentionMs?: number;
  /** Commands that need not have ended, such as those scheduled for tomorrow. Default: none. */
  readonly mayBeUnfinished?: (commandId: string) => boolean;
  /** Default: those whose payload holds the ledger's URL. */
  readonly aimsAtLedger?: (fields: Fields) => boolean;
  /** Default: `body` of a result that has one (HTTP_GET_JSON), else the result itself. */
  readonly answerIn?: (result: unknown) => unknown;
}

export interface Report {
  readonly violations: readonly Violation[];
  readonly counts: Counts;
}

export interface Counts {
  readonly accepted: number;
  readonly completed: number;
  readonly failed: number;
  /** How many of both were deleted after they had ended. */
  readonly pruned: number;
  readonly byErrorCode: Readonly<Record<string, number>>;
  /** FAILED commands for which it is unknown whether they were executed. */
  readonly executedUnknown: number;
  readonly losses: number;
  readonly transitions: number;
  readonly lateReports: number;
  /** How often attempts' progress was stored. */
  readonly progress: number;
  readonly effects: number;
}

/**
 * Checks a run that has come to rest against the eight invariants, from four sources that do not depend
 * on each other: what clients saw, what really happened (the ledger), what Redis wrote in which order
 * (the append-only file), and what it holds now.
 *
 * The order matters. States are read before the ledger: the other way round, an effect between the two
 * readings would look like a result without an effect. The ledger is read again after `settleMs`,
 * because an effect that is late enough to contradict a state shows only then.
 */
export async function judge(options: JudgeOptions): Promise<Report> {
  const verdict = new Verdict(invariants);
  const { rest, trails } = await stillIf(options.retentionMs !== undefined, options.redis, async () => ({
    rest: await readRest(options.redis),
    trails: await readTrails(options.aof, verdict),
  }));
  const evidence: Evidence = {
    clients: options.clients,
    trails,
    rest,
    lastSeen: lastHashes(rest, trails),
    retentionMs: options.retentionMs ?? Infinity,
    faults: options.faults ?? 'any',
    mayBeUnfinished: options.mayBeUnfinished ?? (() => false),
    aimsAtLedger: options.aimsAtLedger ?? ((fields) => (fields.payload ?? '').includes(options.ledger.url)),
    answerIn: options.answerIn ?? answerInHttpResult,
  };
  for (const invariant of invariants) invariant.atRest?.(evidence, verdict.sayFor(invariant));

  const judgeEffects = async (): Promise<HitsByCommand> => {
    const hits = new HitsByCommand(await options.ledger.hits());
    for (const invariant of invariants) invariant.ofEffects?.(evidence, hits, verdict.sayFor(invariant));
    return hits;
  };
  await judgeEffects();
  await delay(options.settleMs);
  const hits = await judgeEffects();
  return { violations: verdict.violations(), counts: count(evidence, hits) };
}

/**
 * Returns violations that are beyond doubt while a run still goes on: nothing that comes later can undo
 * them. Some violations show only at rest, so a run in which this finds none has not passed yet.
 */
export async function lookEarly({
  ledger,
  aof,
}: Pick<JudgeOptions, 'ledger' | 'aof'>): Promise<readonly Violation[]> {
  const verdict = new Verdict(invariants);
  // Before the log, so that the start of whatever is executed is in it.
  const hits = new HitsByCommand(await ledger.hits());
  const trails = await readTrails(aof, verdict);
  for (const id of hits.ids()) effectsOf(id, trails, hits, verdict.sayFor(nothingDoubled));
  return verdict.violations();
}

/** Every transition, judged as it is read. */
async function readTrails(aof: string, verdict: Verdict): Promise<Trails> {
  const trails = new Trails();
  for await (const transition of readTransitions(aof)) {
    trails.add(transition);
    if (transition.restated) continue;
    for (const invariant of invariants) invariant.ofTransition?.(transition, verdict.sayFor(invariant));
  }
  return trails;
}

/** Longer than any log takes to be read. */
const stillMs = 120_000;

/** Blocks writes: servers prune also when all has come to rest, and two readings of Redis must be of one moment. */
async function stillIf<T>(needed: boolean, redis: Redis, read: () => Promise<T>): Promise<T> {
  if (!needed) return read();
  await redis.client('PAUSE', stillMs, 'WRITE');
  try {
    return await read();
  } finally {
    await redis.client('UNPAUSE');
  }
}

function lastHashes(rest: Rest, trails: Trails): Map<string, Fields> {
  const last = new Map(rest.hashes);
  for (const { commandId, exists, lastFields } of trails.all()) {
    if (!exists && lastFields && isTerminal(lastFields.status)) last.set(commandId, lastFields);
  }
  return last;
}

function answerInHttpResult(result: unknown): unknown {
  return typeof result === 'object' && result !== null && 'body' in result ? result.body : result;
}

function count({ clients, rest, lastSeen, trails }: Evidence, hits: HitsByCommand): Counts {
  const settled = [...lastSeen.values()];
  const failed = settled.filter((fields) => fields.status === 'FAILED');
  const byErrorCode: Record<string, number> = {};
  for (const fields of failed) {
    const code = errorCodeOf(fields) ?? 'none';
    byErrorCode[code] = (byErrorCode[code] ?? 0) + 1;
  }
  let [losses, transitions, lateReports, progress] = [0, 0, 0, 0];
  for (const trail of trails.all()) {
    losses += trail.losses;
    transitions += trail.transitions;
    lateReports += trail.lateReports;
    progress += trail.progress;
  }
  return {
    accepted: clients.accepted().size,
    completed: settled.filter((fields) => fields.status === 'COMPLETED').length,
    failed: failed.length,
    pruned: lastSeen.size - rest.hashes.size,
    byErrorCode,
    executedUnknown: failed.filter((fields) => executedOf(fields) === 'unknown').length,
    losses,
    transitions,
    lateReports,
    progress,
    effects: hits.all.length,
  };
}

const shownPerInvariant = 5;
const shownEvidenceChars = 2000;

/** The report for people: one line per invariant, and the first violations of each with their evidence. */
export function format({ violations, counts }: Report): string {
  const codes = Object.entries(counts.byErrorCode).map(([code, times]) => `${times} ${code}`);
  const lines = [
    `${counts.accepted} accepted: ${counts.completed} completed, ${counts.failed} failed` +
      (codes.length > 0 ? ` (${codes.join(', ')}; executed unknown: ${counts.executedUnknown})` : ''),
    ...(counts.pruned > 0 ? [`${counts.pruned} of them pruned since`] : []),
    `${counts.transitions} transitions, ${counts.effects} effects, ${counts.losses} losses, ${counts.lateReports} late reports, ${counts.progress} times progress`,
  ];
  for (const { number, promise } of invariants) {
    const broken = violations.filter((violation) => violation.invariant === number);
    lines.push(`${number}. ${promise}: ${broken.length === 0 ? 'kept' : `BROKEN ${broken.length} times`}`);
    for (const { commandId, what, evidence } of broken.slice(0, shownPerInvariant)) {
      const seen = JSON.stringify(evidence).slice(0, shownEvidenceChars);
      lines.push(`   ${commandId ?? '(all)'}: ${what}`, `      ${seen}`);
    }
    if (broken.length > shownPerInvariant) lines.push(`   … and ${broken.length - shownPerInvariant} more`);
  }
  return lines.join('\n');
}
