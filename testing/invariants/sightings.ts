import { type ClientLog, type SeenCommand, type Sighting } from '../client-log.js';

/**
 * Compares every sighting of a command with what had been seen of it before: only with sightings
 * whose answer had come before this one was asked for, since those that overlap have no order.
 *
 * @param learn what is known after one more view
 */
export function eachAfterWhatWasKnown<Known>(
  clients: ClientLog,
  learn: (known: Known | undefined, view: SeenCommand) => Known | undefined,
  compare: (known: Known | undefined, sighting: Sighting) => void,
): void {
  const known = new Map<string, Known | undefined>();
  const events = clients.sightings.flatMap((sighting) => [
    { at: sighting.begin, begins: true, sighting },
    { at: sighting.end, begins: false, sighting },
  ]);
  events.sort((a, b) => a.at - b.at);
  for (const { begins, sighting } of events) {
    const { commandId, view } = sighting;
    if (begins) compare(known.get(commandId), sighting);
    else if (view) known.set(commandId, learn(known.get(commandId), view));
  }
}
