import { eventsQuerySchema } from '../../../shared/protocol/api.js';
import { example } from '../examples.js';
import { type Operation } from '../operation.js';

const events = [
  'retry: 1227',
  'id: 938d43dacab7-22',
  '',
  'id: 938d43dacab7-23',
  'event: transition',
  'data: {"commandId":"01a2035e-6333-76d8-b908-07584663f8a8","status":"RUNNING","attempt":1,"progress":null,"at":"2026-11-22T13:07:27.159Z"}',
  '',
  '',
].join('\n');

/** The operations of server/events. */
export const liveOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/events',
    id: 'watchEvents',
    tag: 'Live',
    summary: 'Stream transitions as Server-Sent Events',
    description:
      'Events are hints, not a log. The data of an event `transition` is a `TransitionEvent`. An event `resync`, whose ' +
      'data is a `ResyncEvent`, means that transitions may be missing: a client that needs to be right reads ' +
      '`GET /commands` again. With `Last-Event-ID` a client resumes where it stopped. docs/reference/events.md has the rules.',
    query: eventsQuerySchema,
    headers: ['Last-Event-ID'],
    answers: {
      200: {
        description: 'A stream of events, which does not end by itself.',
        text: 'text/event-stream',
        examples: example(events),
      },
    },
    withoutRedis: true,
    problems: ['too_many_held'],
  },
];
