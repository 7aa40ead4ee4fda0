import {
  errorCodeOf,
  executedOf,
  type Fields,
  isTerminal,
  rankOfExecuted,
  statusOf,
} from '../command-state.js';
import { lossesIn, type Trail, type Unknown } from '../trails.js';
import { journalsAreReported } from './journal.js';
import { type Transition } from '../transition.js';
import {
  type Evidence,
  type Fault,
  type HitsByCommand,
  type Invariant,
  type Say,
  seenIn,
} from './invariant.js';

/**
 * 8. `executed` is truthful: `no` means that there is no effect, ever; every `unknown` overlaps a
 * fault, and so does every loss, and the silence of every agent whose attempt was ended for it.
 */
export const executedTellsTheTruth: Invariant = {
  number: 8,
  promise: '`executed` tells the truth',

  ofTransition(transition, say) {
    executedIsOnlyRaised(transition, say);
    lossesAreOfStartedAttempts(transition, say);
  },

  atRest({ trails, faults }, say) {
    if (faults === 'any') return;
    for (const trail of trails.all()) {
      if (faults === 'none') nothingHappenedTo(trail, say);
      else faultsExplain(trail, faults, say);
    }
    if (faults !== 'none') journalsAreReported(trails, faults, say);
  },

  ofEffects(evidence, hits, say) {
    // Trails, not states at rest: a `no` must hold after the command is pruned, too.
    for (const trail of evidence.trails.all()) {
      if (trail.lastFields && isTerminal(trail.lastFields.status))
        effectsBearItOut(trail, trail.lastFields, evidence, hits, say);
    }
  },
};

function executedIsOnlyRaised(transition: Transition, say: Say): void {
  const { commandId, before, after } = transition;
  if (after.fields === null) return;
  if (Number.isNaN(rankOfExecuted(after.fields))) {
    say(commandId, `executed is neither no, unknown nor yes`, seenIn(transition));
  } else if (rankOfExecuted(after.fields) < rankOfExecuted(before.fields)) {
    // An earlier attempt's effect does not go away because a later one was cancelled in time.
    say(commandId, 'executed was lowered', seenIn(transition));
  }
}

function lossesAreOfStartedAttempts(transition: Transition, say: Say): void {
  const { commandId, before, after, statuses } = transition;
  const lost =
    lossesIn(transition) > 0 || (statuses.includes('FAILED') && errorCodeOf(after.fields) === 'AGENT_LOST');
  if (!lost) return;
  if (statusOf(before) !== 'RUNNING') {
    say(commandId, 'it was declared lost, but no attempt of it had started', seenIn(transition));
  } else if (rankOfExecuted(after.fields) < 1) {
    say(commandId, 'an attempt was lost, yet it is said not to have been executed', seenIn(transition));
  }
}

function nothingHappenedTo(trail: Trail, say: Say): void {
  const { commandId, losses, lateReports, unknowns } = trail;
  if (losses > 0) say(commandId, 'an attempt was lost in a run without faults', trail);
  if (lateReports > 0) say(commandId, 'a report came late in a run without faults', trail);
  if (unknowns.length > 0) say(commandId, 'executed was left unknown in a run without faults', trail);
}

function faultsExplain(trail: Trail, faults: readonly Fault[], say: Say): void {
  const isExplained = (attempt: Unknown) =>
    faults.some((fault) => explains(fault, attempt, trail.lastFields?.onAgentLost));
  for (const attempt of trail.attempts) {
    const { end, fromMs, toMs = fromMs, silentFromMs } = attempt;
    if (end === 'lost' && !isExplained({ ...attempt, toMs }))
      say(trail.commandId, 'no fault explains a lost attempt', trail);
    // A fault from before its time was over is no excuse: an attempt that lost its agent to it was to be recovered.
    if (
      silentFromMs !== undefined &&
      !isExplained({ ...attempt, fromMs: Math.min(silentFromMs, toMs), toMs })
    )
      say(trail.commandId, 'no fault explains why no agent reported how an attempt ended', trail);
  }
  for (const unknown of trail.unknowns) {
    if (!isExplained(unknown)) say(trail.commandId, 'no fault explains why executed is unknown', trail);
  }
}

function explains(fault: Fault, { fromMs, toMs, agentId }: Unknown, policy = 'fail'): boolean {
  if (fault.fromMs > toMs || fault.toMs < fromMs) return false;
  if (fault.agents && agentId !== '' && !fault.agents.includes(agentId)) return false;
  if (fault.onAgentLost !== undefined && fault.onAgentLost !== policy) return false;
  return toMs - fault.fromMs >= (fault.leastMs ?? -Infinity);
}

/** Handlers that are ended from outside may be ended between their call and their request. */
const mayEndBeforeTheirRequest: ReadonlySet<string | undefined> = new Set([
  'TIMEOUT',
  'CANCELLED',
  'AGENT_LOST',
]);

/** A command expires between two attempts: its handler was ended from outside if it was lost before. */
function mayHaveNoEffect(fields: Fields, { losses }: Trail): boolean {
  const code = errorCodeOf(fields);
  return mayEndBeforeTheirRequest.has(code) || (code === 'EXPIRED' && losses > 0);
}

function effectsBearItOut(
  trail: Trail,
  fields: Fields,
  { aimsAtLedger }: Evidence,
  byCommand: HitsByCommand,
  say: Say,
): void {
  const id = trail.commandId;
  const hits = byCommand.of(id);
  const executed = executedOf(fields);
  if (executed === 'no' && hits.length > 0) {
    say(id, 'it is said not to have been executed, but it had an effect', { fields, hits });
  }
  const mustShow = aimsAtLedger(fields) && !mayHaveNoEffect(fields, trail);
  if (executed === 'yes' && hits.length === 0 && mustShow) {
    say(id, 'it is said to have been executed, but it had no effect', fields);
  }
}
