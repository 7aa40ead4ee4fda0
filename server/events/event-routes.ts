import { eventsQuerySchema } from '../../shared/protocol/api.js';
import { logWith } from '../http/access-log.js';
import { type Endpoint } from '../http/endpoint.js';
import { parseQuery } from '../http/query.js';
import { type EventStreams } from './event-streams.js';

export interface EventRoutesOptions {
  readonly eventStreams: EventStreams;
}

const head = {
  'Content-Type': 'text/event-stream',
  // A proxy that compresses would hold events back until it has enough of them.
  'Cache-Control': 'no-store, no-transform',
  // As nginx does, unless it is told so.
  'X-Accel-Buffering': 'no',
} as const;

/** Transitions as they happen. */
export function eventRoutes({ eventStreams }: EventRoutesOptions): Endpoint[] {
  return [
    {
      method: 'get',
      path: '/events',
      about: 'transitions as Server-Sent Events; ?commandId= for one command',
      ownPagesOnly: true,
      handle: (request, response) => {
        const { commandId } = parseQuery(eventsQuerySchema, request);
        if (commandId !== undefined) logWith(response, { commandId });
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
