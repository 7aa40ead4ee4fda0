import { queueViewSchema } from '../../../shared/protocol/api.js';
import { limits } from '../../../shared/protocol/commands.js';
import {
  cancelledManySchema,
  cancelledSchema,
  cancelQuerySchema,
  retriedManySchema,
  retriedSchema,
  retryOneQuerySchema,
  retryQuerySchema,
} from '../../../shared/protocol/control-api.js';
import { example } from '../examples.js';
import { type Operation } from '../operation.js';

const commandId = '01a2035e-5ce0-7602-94c4-7f36e003e37f';

const commandControl: readonly Operation[] = [
  {
    method: 'post',
    path: '/commands/:id/cancel',
    id: 'cancelCommand',
    tag: 'Control',
    summary: 'Cancel a command',
    description:
      'One that waits ends at once. Of one that runs, its agent is told within a second, and its report says how it ended.',
    answers: {
      200: {
        description: 'It has ended: FAILED, `CANCELLED`.',
        schema: cancelledSchema,
        examples: example({ commandId, state: 'cancelled' }),
      },
      202: {
        description: 'It runs, and was asked to stop.',
        schema: cancelledSchema,
        examples: example({ commandId, state: 'requested' }),
      },
    },
    problems: ['not_found', 'conflict', 'redis_key_broken'],
  },
  {
    method: 'post',
    path: '/commands/:id/retry',
    id: 'retryCommand',
    tag: 'Control',
    summary: 'Execute a FAILED command again',
    description: 'With the `finishedAt` of the failure that is meant, the call may be sent again.',
    query: retryOneQuerySchema,
    answers: {
      200: {
        description: 'It is PENDING.',
        schema: retriedSchema,
        examples: example({ commandId, mayStillRun: false, note: null }),
      },
    },
    problems: ['not_found', 'conflict', 'redis_key_broken', 'redis_full'],
  },
  {
    method: 'post',
    path: '/commands/cancel',
    id: 'cancelCommands',
    tag: 'Control',
    summary: `Cancel up to ${limits.listLimit} commands`,
    description: 'One step: go on with `nextCursor` until it is null.',
    query: cancelQuerySchema,
    queryExample: { status: 'PENDING', queue: 'reports' },
    answers: {
      200: {
        description: 'How many.',
        schema: cancelledManySchema,
        examples: example({ cancelled: 1, requested: 0, skipped: 0, nextCursor: null }),
      },
    },
    problems: [],
  },
  {
    method: 'post',
    path: '/commands/retry',
    id: 'retryCommands',
    tag: 'Control',
    summary: `Execute up to ${limits.listLimit} FAILED commands again`,
    description: 'One step: go on with `nextCursor` until it is null.',
    query: retryQuerySchema,
    queryExample: { status: 'FAILED', queue: 'reports' },
    answers: {
      200: {
        description: 'How many.',
        schema: retriedManySchema,
        examples: example({ retried: 2, mayStillRun: 0, skipped: 0, nextCursor: null }),
      },
    },
    problems: ['redis_full'],
  },
];

const queue = { queue: 'reports', length: 1, pending: 0, oldestWaitingMs: 346, consumers: 1 };

const queueControl: readonly Operation[] = [
  {
    method: 'post',
    path: '/queues/:name/pause',
    id: 'pauseQueue',
    tag: 'Control',
    summary: 'Start nothing more from a queue',
    description:
      'From the answer on, until it is resumed. What runs goes on. A queue that nobody has used yet can be paused, too: it counts as one in use.',
    answers: {
      200: {
        description: 'The queue.',
        schema: queueViewSchema,
        examples: example({ ...queue, paused: true, pausedAt: '2026-11-22T13:07:26.066Z' }),
      },
    },
    problems: ['not_found', 'too_many_queues'],
  },
  {
    method: 'post',
    path: '/queues/:name/resume',
    id: 'resumeQueue',
    tag: 'Control',
    summary: 'Let a paused queue go on',
    answers: {
      200: {
        description: 'The queue.',
        schema: queueViewSchema,
        examples: example({ ...queue, paused: false, pausedAt: null }),
      },
    },
    problems: ['not_found'],
  },
];

/** The operations of server/control and server/http/queue-routes.ts. */
export const controlOperations: readonly Operation[] = [...commandControl, ...queueControl];
