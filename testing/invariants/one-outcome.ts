import { isTerminal, statusOf } from '../command-state.js';
import { isRetry, type Trails } from '../trails.js';
import { isDeepStrictEqual } from 'node:util';
import { type ClientLog, type SeenCommand } from '../client-log.js';
import { eachAfterWhatWasKnown } from './sightings.js';
import { type Invariant, type Say, seenIn } from './invariant.js';

/**
 * 3. Exactly one outcome is accepted per life; a terminal status and its result never change. Only an
 * operator's retry starts a new life.
 */
export const oneOutcome: Invariant = {
  number: 3,
  promise: 'One outcome',

  ofTransition(transition, say) {
    const { commandId, before, after, statuses, hashWrites } = transition;
    if (isTerminal(statusOf(before))) {
      // Not even with the same values: a second acceptance that happens to agree is a second acceptance.
      const rewritten = hashWrites > 0 && after.fields !== null && !isRetry(transition);
      if (rewritten)
        say(commandId, `it was ${statusOf(before)}, and was written to again`, seenIn(transition));
    } else if (statuses.slice(0, -1).some(isTerminal)) {
      say(commandId, `it went on after an outcome in one step: ${statuses.join(', ')}`, seenIn(transition));
    }
  },

  atRest({ clients, trails }, say) {
    livesWereAskedFor(clients, trails, say);
    eachAfterWhatWasKnown(clients, lastTerminal, (known, sighting) => {
      const retried = (trails.get(sighting.commandId)?.retries ?? 0) > 0;
      if (known === undefined || sighting.view === null || retried) return;
      const { status, attempt, result } = sighting.view;
      const same =
        status === known.status && attempt === known.attempt && isDeepStrictEqual(result, known.result);
      if (!same) say(sighting.commandId, 'a client saw its outcome change', { known, later: sighting });
    });
  },
};

/** A call that named its failure begins one life, however often it was sent; another one at most one. */
function livesWereAskedFor({ operations }: ClientLog, trails: Trails, say: Say): void {
  const retries = operations.filter(({ action, outcome }) => action === 'retry' && outcome !== 'refused');
  for (const { commandId, retries: lives } of trails.all()) {
    if (lives === 0) continue;
    const asked = retries.filter((one) => one.commandId === commandId || one.commandId === null);
    const named = new Set(asked.flatMap(({ finishedAt }) => finishedAt ?? []));
    const most = named.size + asked.filter(({ finishedAt }) => finishedAt === null).length;
    if (lives > most) say(commandId, `it was retried ${lives} times, and ${most} were asked for`, asked);
  }
}

const lastTerminal = (known: SeenCommand | undefined, seen: SeenCommand) =>
  isTerminal(seen.status) ? seen : known;
