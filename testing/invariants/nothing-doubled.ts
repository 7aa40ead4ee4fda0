import { type ClientLog } from '../client-log.js';
import { countOf, statusOf } from '../command-state.js';
import { defaults } from '../../shared/protocol/commands.js';
import { lossesIn, type Trails } from '../trails.js';
import { type Transition } from '../transition.js';
import { type Evidence, type HitsByCommand, type Invariant, type Say, seenIn } from './invariant.js';

/**
 * 2. Each attempt is executed at most once. With `onAgentLost: "fail"` and no retry asked for, a command is executed at most once, ever.
 */
export const nothingDoubled: Invariant = {
  number: 2,
  promise: 'Nothing doubled',

  ofTransition(transition, say) {
    markersHold(transition, say);
    policyAllowsAnotherAttempt(transition, say);
  },

  atRest(evidence, say) {
    oneCommandPerKey(evidence, say);
    nothingIsInvented(evidence, say);
  },

  ofEffects(evidence, hits, say) {
    for (const id of hits.ids()) effectsOf(id, evidence.trails, hits, say);
  },
};

/** An attempt starts with its marker set, in one step, where there was none. That is all that keeps two agents apart. */
function markersHold(transition: Transition, say: Say): void {
  const { commandId, statuses, markersSet } = transition;
  const starts = statuses.filter((status) => status === 'RUNNING').length;
  if (markersSet.some((set) => !set.onlyIfAbsent)) {
    say(commandId, 'its marker was written other than by SET NX without a time to live', seenIn(transition));
  }
  if (markersSet.length < starts) {
    say(commandId, 'it was started without its marker set in the same step', seenIn(transition));
  } else if (markersSet.length > starts) {
    say(commandId, 'its marker was set without a start in the same step', seenIn(transition));
  }
}

function policyAllowsAnotherAttempt(transition: Transition, say: Say): void {
  const { commandId, before, after, statuses } = transition;
  if (statusOf(before) !== 'RUNNING' || statuses[0] !== 'PENDING' || after.fields === null) return;
  const { fields } = after;
  if (before.fields?.cancelRequestedAt !== undefined) {
    say(commandId, 'it was put back, although it had been asked to stop', seenIn(transition));
  }
  if (lossesIn(transition) > 0) {
    if (fields.onAgentLost !== 'retry') {
      say(commandId, 'it was put back after a loss, although its policy is to fail', seenIn(transition));
    } else if (countOf(fields, 'losses') >= Number(fields.maxLosses ?? defaults.maxLosses)) {
      say(commandId, 'it was put back after as many losses as it may have', seenIn(transition));
    }
  }
  const failures = countOf(fields, 'failures');
  const failedByItself = failures > countOf(before.fields, 'failures');
  if (failedByItself && failures >= Number(fields.maxAttempts ?? defaults.maxAttempts)) {
    say(commandId, 'it was put back after as many failures as it may have', seenIn(transition));
  }
}

/**
 * Checks the effects of a command. If the hits were read before the trails, each finding is certain while a
 * run still goes on.
 */
export function effectsOf(id: string, trails: Trails, byCommand: HitsByCommand, say: Say): void {
  const hits = byCommand.of(id);
  const trail = trails.get(id);
  const fields = trail?.lastFields;
  if (!trail || !fields) {
    say(id, 'it had an effect, but no such command was ever written', hits);
    return;
  }
  const seen = new Set<number>();
  for (const { attempt } of hits) {
    if (seen.has(attempt)) say(id, `attempt ${attempt} was executed more than once`, hits);
    seen.add(attempt);
    if (attempt < 1 || attempt > countOf(fields, 'attempt')) {
      say(id, `attempt ${attempt} was executed, but never started`, hits);
    }
    // A release promises that the attempt was not executed and never will be.
    if (trail.attempts.some((started) => started.attempt === attempt && started.end === 'released')) {
      say(id, `attempt ${attempt} was executed, but handed back as not executed`, { hits, trail });
    }
  }
  const retryAskedFor =
    fields.onAgentLost === 'retry' ||
    Number(fields.maxAttempts ?? defaults.maxAttempts) > 1 ||
    trail.retries > 0;
  if (hits.length > 1 && !retryAskedFor) {
    say(id, 'it was executed more than once, although no client asked for a retry', { hits, fields });
  }
}

function oneCommandPerKey({ clients }: Evidence, say: Say): void {
  const idsByKey = new Map<string, string>();
  for (const { idempotencyKey, ids } of clients.posts) {
    const [id] = ids;
    if (idempotencyKey === null || id === undefined) continue;
    const first = idsByKey.get(idempotencyKey) ?? id;
    idsByKey.set(idempotencyKey, first);
    if (first !== id) say(id, `one Idempotency-Key gave two commands`, { idempotencyKey, ids: [first, id] });
  }
}

/** Beyond what was accepted, there are at most as many commands as submissions without a clear answer. */
function nothingIsInvented({ clients, trails }: Evidence, say: Say): void {
  const accepted = clients.accepted();
  const others = [...trails.all()].filter((trail) => trail.lastFields && !accepted.has(trail.commandId));
  const unclear = unclearSubmissions(clients);
  if (others.length > unclear) {
    const ids = others.slice(0, 10).map((trail) => trail.commandId);
    say(
      null,
      `${others.length} commands that no client learned of, from ${unclear} unclear submissions`,
      ids,
    );
  }
}

/** Counts commands that may exist unknown to every client. With a key, one at most, however often it was sent. */
function unclearSubmissions({ posts }: ClientLog): number {
  const unknown = posts.filter(({ outcome }) => outcome === 'unknown');
  const isAnswered = new Set(
    posts.flatMap(({ outcome, idempotencyKey }) => (outcome === 'accepted' ? idempotencyKey : [])),
  );
  const keys = new Set(unknown.flatMap(({ idempotencyKey }) => idempotencyKey ?? []));
  const withoutKey = unknown.filter(({ idempotencyKey }) => idempotencyKey === null);
  const unanswered = [...keys].filter((key) => !isAnswered.has(key));
  return unanswered.length + withoutKey.reduce((sum, { count }) => sum + count, 0);
}
