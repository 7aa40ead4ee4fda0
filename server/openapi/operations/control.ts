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
      'A waiting command ends at once. For a running one its agent is notified within a second, and its report decides the outcome.',
    answers: {
      200: {
        description: 'The command has ended as FAILED, with the code `CANCELLED`.',
        schema: cancelledSchema,
        examples: example({ commandId, state: 'cancelled' }),
      },
      202: {
        description: 'The command runs; cancellation was requested.',
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
    summary: 'Retry a FAILED command',
    description: 'With the `finishedAt` of the failure to retry, the call may be sent again.',
    query: retryOneQuerySchema,
    answers: {
      200: {
        description: 'The command is PENDING.',
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
    description: 'A call handles one page: repeat it with `nextCursor` until that is null.',
    query: cancelQuerySchema,
    queryExample: { status: 'PENDING', queue: 'reports' },
    answers: {
      200: {
        description: 'Summary of affected commands.',
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
    summary: `Retry up to ${limits.listLimit} FAILED commands`,
    description: 'A call handles one page: repeat it with `nextCursor` until that is null.',
    query: retryQuerySchema,
    queryExample: { status: 'FAILED', queue: 'reports' },
    answers: {
      200: {
        description: 'Summary of affected commands.',
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
    summary: 'Pause a queue',
    description:
      'From the answer on no command is started from the queue, until it is resumed. Running commands continue. A queue that was never used can be paused, too: it then counts as one in use.',
    answers: {
      200: {
        description: 'The queue after the call.',
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
    summary: 'Resume a paused queue',
    answers: {
      200: {
        description: 'The queue after the call.',
        schema: queueViewSchema,
        examples: example({ ...queue, paused: false, pausedAt: null }),
      },
    },
    problems: ['not_found'],
  },
];

/** The operations of server/control and server/queues/queue-routes.ts. */
export const controlOperations: readonly Operation[] = [...commandControl, ...queueControl];
