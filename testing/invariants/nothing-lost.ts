import { defaults } from '../../shared/protocol/commands.js';
import { countOf, errorCodeOf, isTerminal, statusOf } from '../command-state.js';
import { type Transition } from '../transition.js';
import { keptLongEnough } from './pruning.js';
import { type Evidence, type Invariant, type Say, seenIn } from './invariant.js';

/** 1. A command whose submission was answered 2xx can be read back, and reaches a terminal status. */
export const nothingLost: Invariant = {
  number: 1,
  promise: 'Nothing lost',

  ofTransition(transition, say) {
    // Deleting a settled command is pruning. Deleting another one is losing it.
    const deleted = transition.before.fields !== null && transition.after.fields === null;
    if (deleted && !isTerminal(statusOf(transition.before))) {
      say(transition.commandId, 'its hash was deleted before it had a terminal status', seenIn(transition));
    }
    triedAsOftenAsItMay(transition, say);
  },

  atRest(evidence, say) {
    acceptedCommandsExist(evidence, say);
    keptLongEnough(evidence, say);
    readersFindThem(evidence, say);
    restIsWhatTheLogSays(evidence, say);
    for (const [id, fields] of evidence.rest.hashes) {
      if (!isTerminal(fields.status) && !evidence.mayBeUnfinished(id)) {
        say(id, `it came to rest as ${fields.status}, which is not terminal`, fields);
      }
      if (!evidence.rest.index.has(id)) say(id, 'it is missing from the index, so no list shows it', fields);
      if (fields.status === 'FAILED' && !evidence.rest.failedIndex.has(id)) {
        say(id, 'it is missing from the index of failed commands', fields);
      }
    }
  },
};

/** A command that is to be executed again after a loss is not lost with its agent. */
function triedAsOftenAsItMay(transition: Transition, say: Say): void {
  const { commandId, before, after, statuses } = transition;
  const givenUp =
    statusOf(before) === 'RUNNING' && statuses[0] === 'FAILED' && errorCodeOf(after.fields) === 'AGENT_LOST';
  if (!givenUp || after.fields?.onAgentLost !== 'retry') return;
  // An operator has asked it to stop: it must not be executed again.
  if (before.fields?.cancelRequestedAt !== undefined) return;
  const most = Number(after.fields.maxLosses ?? defaults.maxLosses);
  const losses = countOf(after.fields, 'losses');
  if (losses < most) {
    say(
      commandId,
      `it was given up after ${losses} of the ${most} losses that it may have`,
      seenIn(transition),
    );
  }
}

function acceptedCommandsExist({ clients, rest, trails }: Evidence, say: Say): void {
  for (const id of clients.accepted()) {
    if (rest.hashes.has(id)) continue;
    const trail = trails.get(id);
    if (!trail?.lastFields) {
      say(id, 'it was accepted, but it was never written', null);
    } else if (!isTerminal(trail.lastFields.status)) {
      say(id, 'it was accepted, but it is gone', trail);
    }
  }
}

/** No client that asks for a command after it was accepted gets the answer that there is none. */
function readersFindThem({ clients, trails }: Evidence, say: Say): void {
  const acceptedAt = new Map<string, number>();
  for (const post of clients.posts) {
    if (post.outcome !== 'accepted') continue;
    for (const id of post.ids) acceptedAt.set(id, Math.min(post.end, acceptedAt.get(id) ?? Infinity));
  }
  for (const sighting of clients.sightings) {
    const accepted = acceptedAt.get(sighting.commandId);
    if (sighting.view !== null || accepted === undefined || sighting.begin < accepted) continue;
    // Pruned meanwhile: the log has no clock to compare with the client's, so this is let pass.
    const trail = trails.get(sighting.commandId);
    if (trail && !trail.exists && isTerminal(trail.lastFields?.status)) continue;
    say(sighting.commandId, 'a client got 404 after it was accepted', sighting);
  }
}

/** Redis serves from memory the same that it would come back with after a crash. */
function restIsWhatTheLogSays({ rest, trails }: Evidence, say: Say): void {
  for (const trail of trails.all()) {
    const served = rest.hashes.get(trail.commandId);
    const logged = trail.exists ? trail.lastFields : null;
    if (!sameFields(served ?? null, logged)) {
      say(trail.commandId, 'Redis and its append-only file disagree about it', { served, logged });
    }
  }
}

function sameFields(
  a: Readonly<Record<string, string>> | null,
  b: Readonly<Record<string, string>> | null,
): boolean {
  if (a === null || b === null) return a === b;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
