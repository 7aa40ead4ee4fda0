import { recoveryConsumer } from '../../shared/store/keys.js';
import { isTerminal, statusOf } from '../command-state.js';
import { parseMarker } from '../keyspace.js';
import { isRetry } from '../trails.js';
import { type Transition } from '../transition.js';
import { type Evidence, type Invariant, type Say, seenIn } from './invariant.js';
import { progressIsOfTheHolder } from './told-progress.js';

/**
 * 4. A start, renewal, report, release or progress with an older attempt, another session, or an entry that is
 * no longer theirs, is refused: none of them ever shows in the log. Nor does a progress that its own attempt
 * has gone beyond, or a start from a queue that an operator had paused.
 */
export const zombiesChangeNothing: Invariant = {
  number: 4,
  promise: 'Zombies change nothing',

  ofTransition(transition, say) {
    movesAreLegal(transition, say);
    markerStandsWhileRunning(transition, say);
    reportIsOfTheHolder(transition, say);
    progressIsOfTheHolder(transition, say);
    startIsOfTheNewestSession(transition, say);
    entryStaysWithTheHolder(transition, say);
    startIsNotFromAPausedQueue(transition, say);
  },

  atRest(evidence, say) {
    pausesHold(evidence, say);
  },
};

/** Moves between statuses, as one reads them from the log. Moves from a terminal one are invariant 3's. */
const legalMoves: Readonly<Record<string, readonly string[]>> = {
  none: ['PENDING'],
  // PENDING again: an entry was delivered and never started, and goes back.
  PENDING: ['PENDING', 'RUNNING', 'FAILED'],
  RUNNING: ['PENDING', 'COMPLETED', 'FAILED'],
};

function movesAreLegal(transition: Transition, say: Say): void {
  let from = statusOf(transition.before) ?? 'none';
  for (const to of transition.statuses) {
    if (isTerminal(from) && !isRetry(transition)) return;
    const allowed = isTerminal(from) ? ['PENDING'] : legalMoves[from];
    if (!allowed?.includes(to)) {
      say(transition.commandId, `it moved from ${from} to ${to}`, seenIn(transition));
      return;
    }
    from = to;
  }
}

/** Without its marker, or under another's, an attempt has nothing that its late writes are refused by. */
function markerStandsWhileRunning(transition: Transition, say: Say): void {
  const { commandId, before, after, statuses } = transition;
  if (statusOf(after) !== 'RUNNING') return;
  if (after.marker === null) {
    say(commandId, 'it is RUNNING without a marker', seenIn(transition));
  } else if (statusOf(before) === 'RUNNING' && statuses.length === 0 && after.marker !== before.marker) {
    say(commandId, 'its marker changed hands during an attempt', seenIn(transition));
  } else if (parseMarker(after.marker).agentId !== after.fields?.agentId) {
    say(commandId, 'its marker names another agent than its hash', seenIn(transition));
  }
}

/** An outcome is accepted only from the holder of the marker at that moment; `reported` names the reporter. */
function reportIsOfTheHolder(transition: Transition, say: Say): void {
  const { commandId, before, after, statuses } = transition;
  // Invariant 3 covers writes to a settled command.
  if (isTerminal(statusOf(before))) return;
  const reported = after.fields?.reported ?? '';
  const changed = reported !== '' && reported !== before.fields?.reported;
  const completed = statuses.includes('COMPLETED');
  if ((changed || completed) && reported !== before.marker) {
    say(commandId, 'an outcome was accepted from another than the holder of its marker', seenIn(transition));
  }
}

function startIsOfTheNewestSession(transition: Transition, say: Say): void {
  for (const { value, newestSession } of transition.markersSet) {
    // A caller without a session, such as curl by hand, cannot have been replaced by a newer session.
    const { session } = parseMarker(value);
    if (session !== '' && newestSession !== null && newestSession !== session) {
      say(
        transition.commandId,
        `a session started it that ${newestSession} had replaced`,
        seenIn(transition),
      );
    }
  }
}

/** While an attempt runs, its entry is with its agent, or with recovery, which may take any agent's. */
function entryStaysWithTheHolder(transition: Transition, say: Say): void {
  const { commandId, before, after, claims } = transition;
  const marker = after.marker ?? before.marker;
  if (statusOf(after) !== 'RUNNING' || marker === null) return;
  const holder = parseMarker(marker).agentId;
  for (const { entry, consumer } of claims) {
    if (entry === after.entry?.id && consumer !== holder && consumer !== recoveryConsumer) {
      say(commandId, `its entry was taken by ${consumer} while ${holder} ran it`, seenIn(transition));
    }
  }
}

/** By the order of the log, in which a pause is a write like any other. */
function startIsNotFromAPausedQueue(transition: Transition, say: Say): void {
  const { commandId, queuePaused, statuses } = transition;
  if (queuePaused && statuses.includes('RUNNING')) {
    say(commandId, 'it was started from a paused queue', seenIn(transition));
  }
}

/**
 * Checks the answers that operators got, which must be true whatever is in the log: from the answer to a
 * pause until a resume was sent, nothing is started. Both by the clock of one machine; a start in the very
 * millisecond of the answer may have come before it.
 */
function pausesHold({ clients, trails }: Evidence, say: Say): void {
  if (clients.pauses.length === 0) return;
  for (const { commandId, lastFields, attempts } of trails.all()) {
    const ofQueue = clients.pauses.filter(({ queue }) => queue === lastFields?.queue?.split('/')[0]);
    for (const { attempt, fromMs } of attempts) {
      const broken = ofQueue.find(
        ({ answeredAtMs, resumedAtMs }) => fromMs > answeredAtMs && fromMs < (resumedAtMs ?? Infinity),
      );
      const what = `attempt ${attempt} was started after a pause of its queue had been answered`;
      if (broken) say(commandId, what, { ...broken, startedAtMs: fromMs });
    }
  }
}
