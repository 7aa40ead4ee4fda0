import { isTerminal, statusOf } from '../command-state.js';
import { type Transition } from '../transition.js';
import { nothingIsLeftBehind } from './pruning.js';
import { type Evidence, type Invariant, type Say, seenIn } from './invariant.js';

/**
 * 5. An entry leaves the pending list only in the step that makes the command terminal or puts it
 * back. At rest: no pending entries, and stream length = number of queued PENDING commands.
 */
export const acknowledgedMeansSettled: Invariant = {
  number: 5,
  promise: 'Acknowledged means settled',

  ofTransition(transition, say) {
    const fault = ticketFault(transition);
    if (fault !== undefined) say(transition.commandId, fault, seenIn(transition));
    if (statusOf(transition.after) !== 'RUNNING' && transition.after.marker !== null) {
      say(transition.commandId, 'its marker outlived its attempt', seenIn(transition));
    }
  },

  atRest(evidence, say) {
    queuesAreSettled(evidence, say);
    countsAreExact(evidence, say);
    nothingIsLeftBehind(evidence, say);
    for (const [id, marker] of evidence.rest.markers) {
      if (evidence.rest.hashes.get(id)?.status !== 'RUNNING') say(id, 'its marker was left behind', marker);
    }
  },
};

/**
 * After every step a live command has exactly one way forward: an entry that an agent will be given
 * or holds, or a place in the schedule. A settled one has none. Strays, which are entries that the
 * hash does not name, may come and go.
 */
function ticketFault({ before, after, formerEntry }: Transition): string | undefined {
  const status = statusOf(after);
  const place = after.entry?.place ?? 'gone';
  const isMoved = before.fields?.queue !== after.fields?.queue;
  const replaced = before.entry !== null && (isMoved || before.entry.id !== after.entry?.id);
  if (replaced && formerEntry !== 'gone') return `its former entry was left behind, ${formerEntry}`;
  if (status === 'RUNNING') {
    if (after.scheduled) return 'it is RUNNING and scheduled';
    return place === 'pending' ? undefined : `it is RUNNING, but its entry is ${place}`;
  }
  if (status === 'PENDING') {
    const deliverable = place === 'queued' || place === 'pending';
    if (deliverable && after.scheduled) return 'it is both queued and scheduled';
    return deliverable || after.scheduled
      ? undefined
      : `it is PENDING and not scheduled, but its entry is ${place}`;
  }
  if (isTerminal(status)) {
    if (after.scheduled) return `it is ${status}, and still scheduled`;
    return place === 'gone' ? undefined : `it is ${status}, and its entry is still ${place}`;
  }
  return undefined;
}

function queuesAreSettled({ rest }: Evidence, say: Say): void {
  const queued = new Map<string, number>();
  for (const [id, fields] of rest.hashes) {
    const waiting = fields.status === 'PENDING';
    if (waiting && (fields.entry ?? '') !== '') {
      const queue = fields.queue ?? '';
      queued.set(queue, (queued.get(queue) ?? 0) + 1);
    } else if (waiting && !rest.scheduled.has(id)) {
      say(id, 'it is PENDING, but neither queued nor scheduled', fields);
    }
  }
  for (const id of rest.scheduled) {
    if (rest.hashes.get(id)?.status !== 'PENDING')
      say(id, 'it is scheduled, but not PENDING', rest.hashes.get(id));
  }
  for (const [stream, { length, pending }] of rest.queues) {
    const queue = stream.slice(stream.lastIndexOf(':') + 1);
    if (pending > 0) say(null, `${stream} has ${pending} pending entries at rest`, null);
    const waiting = queued.get(queue) ?? 0;
    if (length !== waiting)
      say(null, `${stream} holds ${length} entries for ${waiting} queued commands`, null);
    queued.delete(queue);
  }
  for (const [queue, count] of queued)
    say(null, `queue ${queue} has no stream for ${count} queued commands`, null);
}

function countsAreExact({ rest }: Evidence, say: Say): void {
  const real: Record<string, number> = {};
  for (const { status = '' } of rest.hashes.values()) real[status] = (real[status] ?? 0) + 1;
  for (const status of new Set([...Object.keys(real), ...Object.keys(rest.counts)])) {
    const [kept, found] = [rest.counts[status] ?? 0, real[status] ?? 0];
    if (kept !== found) say(null, `counts says ${kept} ${status}, but there are ${found}`, rest.counts);
  }
}
