import { countOf } from '../command-state.js';
import { parseMarker } from '../keyspace.js';
import { type Invariant, seenIn } from './invariant.js';
import { eachAfterWhatWasKnown } from './sightings.js';

/** 7. Attempts only grow: by one with each start, and never otherwise. */
export const attemptsOnlyGrow: Invariant = {
  number: 7,
  promise: 'Attempts only grow',

  ofTransition(transition, say) {
    const { commandId, before, after, statuses, markersSet } = transition;
    // A deleted hash takes its count with it; whether it may be deleted is invariant 1's.
    if (after.fields === null) return;
    const attempt = countOf(after.fields, 'attempt');
    const raised = attempt - countOf(before.fields, 'attempt');
    const starts = statuses.filter((status) => status === 'RUNNING').length;
    if (raised !== starts) {
      say(commandId, `its attempt changed by ${raised} in a step with ${starts} starts`, seenIn(transition));
    }
    const marked = markersSet.at(-1);
    if (marked && parseMarker(marked.value).attempt !== attempt) {
      say(
        commandId,
        `its marker says attempt ${parseMarker(marked.value).attempt}, its hash ${attempt}`,
        seenIn(transition),
      );
    }
  },

  atRest({ clients }, say) {
    eachAfterWhatWasKnown(
      clients,
      (highest: number | undefined, view) => Math.max(highest ?? 0, view.attempt),
      (highest, sighting) => {
        if (sighting.view && sighting.view.attempt < (highest ?? 0)) {
          say(sighting.commandId, 'a client saw its attempt go back', { highest, later: sighting });
        }
      },
    );
  },
};
