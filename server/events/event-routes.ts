import { eventsQuerySchema } from '../../shared/protocol/api.js';
import { logWith } from '../http/access-log.js';
import { type Endpoint } from '../http/endpoint.js';
import { type HeldAnswers } from '../http/held-answers.js';
import { parseQuery } from '../http/query.js';
import { type EventStreams } from './event-streams.js';

export interface EventRoutesOptions {
  readonly eventStreams: EventStreams;
  readonly held: HeldAnswers;
}

const head = {
  'Content-Type': 'text/event-stream',
  // A proxy that compresses would hold events back until it has enough of them.
  'Cache-Control': 'no-store, no-transform',
  // Keeps nginx from buffering the stream.
  'X-Accel-Buffering': 'no',
} as const;

/** The endpoint that streams transitions as they happen. */
export function eventRoutes({ eventStreams, held }: EventRoutesOptions): Endpoint[] {
  return [
    {
      method: 'get',
      path: '/events',
      about: 'stream transitions as Server-Sent Events; ?commandId= for one command',
      ownPagesOnly: true,
      handle: (request, response) => {
        const { commandId } = parseQuery(eventsQuerySchema, request);
        if (commandId !== undefined) logWith(response, { commandId });
        if (request.method !== 'HEAD') held.hold(request, response);
        response.writeHead(200, head);
        if (request.method === 'HEAD') {
          response.end();
          return;
        }
        response.flushHeaders();
        eventStreams.open(response, { commandId, lastEventId: request.get('Last-Event-ID') });
      },
    },
  ];
}
