import { isDeepStrictEqual } from 'node:util';
import { countOf, errorCodeOf, type Fields, isTerminal, jsonOf } from '../command-state.js';
import { type ClientLog, type SeenCommand } from '../client-log.js';
import { type Trails } from '../trails.js';
import { parseMarker } from '../keyspace.js';
import { type Invariant, type Say } from './invariant.js';
import { eachAfterWhatWasKnown } from './sightings.js';
import { progressIsOfAnEffect, progressIsWhatWasTold, progressShownIsOfTheAttempt } from './told-progress.js';

/**
 * 6. The stored result is the one that the accepted attempt produced, and a stored progress one that its
 * attempt reported.
 */
export const reportedIsWhatHappened: Invariant = {
  number: 6,
  promise: 'What is reported is what happened',

  ofTransition(transition, say) {
    progressIsWhatWasTold(transition, say);
  },

  atRest({ clients, lastSeen, trails }, say) {
    cancelsAreWhatWasAskedFor(clients, trails, say);
    progressShownIsOfTheAttempt(clients, say);
    for (const [id, fields] of lastSeen)
      if (fields.status === 'COMPLETED') acceptedAttemptIsNamed(id, fields, say);
    const seen = new Map<string, SeenCommand>();
    eachAfterWhatWasKnown(
      clients,
      (_, view) => (isTerminal(view.status) ? seen.set(view.commandId, view) : undefined),
      () => undefined,
    );
    for (const [id, view] of seen) {
      const fields = lastSeen.get(id);
      const sameLife = fields && (trails.get(id)?.retries ?? 0) === 0;
      if (!sameLife) continue;
      const stored = {
        status: fields.status,
        attempt: countOf(fields, 'attempt'),
        result: jsonOf(fields.result) ?? null,
      };
      const { status, attempt, result } = view;
      if (!isDeepStrictEqual(stored, { status, attempt, result })) {
        say(id, 'clients were shown another outcome than the one that is stored', { stored, view });
      }
    }
  },

  ofEffects(evidence, hits, say) {
    const { lastSeen, aimsAtLedger, answerIn } = evidence;
    progressIsOfAnEffect(evidence, hits, say);
    for (const [id, fields] of lastSeen) {
      if (fields.status !== 'COMPLETED' || !aimsAtLedger(fields)) continue;
      const { attempt } = parseMarker(fields.reported ?? '');
      const answers = hits.of(id).filter((hit) => hit.attempt === attempt);
      const answer = answerIn(jsonOf(fields.result));
      if (answers.length === 0) {
        say(id, `it is COMPLETED by attempt ${attempt}, which had no effect`, { fields, hits: hits.of(id) });
      } else if (!answers.some((hit) => isDeepStrictEqual(hit.answer, answer))) {
        say(id, `its result is not what attempt ${attempt} was answered`, { fields, answers });
      }
    }
  },
};

/** No command is CANCELLED without a request for that; and a command is, when the answer was that it is. */
function cancelsAreWhatWasAskedFor({ operations }: ClientLog, trails: Trails, say: Say): void {
  const cancels = operations.filter(({ action, outcome }) => action === 'cancel' && outcome !== 'refused');
  const asked = new Set(cancels.map(({ commandId }) => commandId));
  const told = new Set(cancels.flatMap(({ commandId, outcome }) => (outcome === 'done' ? commandId : [])));
  for (const { commandId, lastFields, retries } of trails.all()) {
    const isCancelled = errorCodeOf(lastFields) === 'CANCELLED';
    if (isCancelled && !asked.has(commandId) && !asked.has(null)) {
      say(commandId, 'it is CANCELLED, and no client asked for that', lastFields);
    }
    // A retry begins another life.
    if (!isCancelled && told.has(commandId) && retries === 0) {
      say(commandId, 'its cancel was confirmed to a client, and it is not CANCELLED', lastFields);
    }
  }
}

/** `reported` is `<attempt>:<agentId>:<session>` of the report that was accepted. */
function acceptedAttemptIsNamed(id: string, fields: Fields, say: Say): void {
  const { attempt, agentId } = parseMarker(fields.reported ?? '');
  if (attempt !== countOf(fields, 'attempt')) {
    say(id, 'its outcome was accepted from another attempt than the last', fields);
  } else if (agentId !== fields.agentId) {
    say(id, 'its outcome was accepted from another agent than the one it names', fields);
  }
}
