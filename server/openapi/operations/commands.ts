import {
  batchSubmittedSchema,
  commandListSchema,
  commandQuerySchema,
  commandSummarySchema,
  listQuerySchema,
  submittedSchema,
} from '../../../shared/protocol/api.js';
import {
  batchSchema,
  commandViewSchema,
  limits,
  submissionSchema,
} from '../../../shared/protocol/commands.js';
import { example, withNulls } from '../examples.js';
import { type Operation } from '../operation.js';

const commandId = '8bca8dda-1290-505b-9d14-bbe7607a455c';

const ended = {
  commandId,
  status: 'COMPLETED',
  type: 'DELAY',
  queue: 'default',
  agentId: 'agent-1',
  attempt: 1,
  losses: 0,
  failures: 0,
  onAgentLost: 'fail',
  maxLosses: 3,
  maxAttempts: 1,
  createdAt: '2026-11-22T13:07:23.967Z',
  startedAt: '2026-11-22T13:07:23.968Z',
  finishedAt: '2026-11-22T13:07:25.480Z',
} as const;

const submissions = {
  DELAY: {
    summary: 'Waits for the given time; for trying things out',
    value: { type: 'DELAY', payload: { ms: 1500 } },
  },
  HTTP_GET_JSON: {
    summary: 'Fetches a URL, once more after a 429 or 503, and expires after a minute',
    value: {
      type: 'HTTP_GET_JSON',
      payload: { url: 'https://example.com/data.json', retryOnStatus: [429, 503] },
      maxAttempts: 2,
      ttlMs: 60_000,
    },
  },
  delayed: {
    summary: 'Delayed by half a minute, on a queue of its own, retried if its agent is lost',
    value: { type: 'DELAY', payload: { ms: 0 }, queue: 'reports', delayMs: 30_000, onAgentLost: 'retry' },
  },
};

/** The operations of server/commands/command-routes.ts. */
export const commandOperations: readonly Operation[] = [
  {
    method: 'post',
    path: '/commands',
    id: 'submitCommand',
    tag: 'Commands',
    summary: 'Submit a command',
    description:
      'A submission that is answered with 2xx is stored, and its command ends in any case. With an `Idempotency-Key` the ' +
      'same request may be sent any number of times: one id, one effect. Without a key, two requests are two commands. ' +
      'After a 503 or no answer the command may have been stored: send the request again with the same key.',
    headers: ['Idempotency-Key'],
    body: { schema: submissionSchema, examples: submissions },
    answers: {
      200: {
        description: 'The same key and body were sent before: the id of their command.',
        schema: submittedSchema,
        headers: ['Location'],
        examples: example({ commandId }),
      },
      202: {
        description: 'Stored.',
        schema: submittedSchema,
        headers: ['Location'],
        examples: example({ commandId }),
      },
    },
    problems: [
      'unknown_type',
      'invalid_type_schema',
      'costly_payload',
      'too_many_queues',
      'idempotency_key_reused',
      'redis_key_broken',
      'redis_full',
      'busy',
      'backlog_full',
    ],
  },
  {
    method: 'get',
    path: '/commands',
    id: 'listCommands',
    tag: 'Commands',
    summary: 'List commands, newest first',
    description: `The list leaves out payloads and results. A request reads at most ${limits.listScan} commands: continue after a short page that has a \`nextCursor\`.`,
    query: listQuerySchema,
    answers: {
      200: {
        description: 'One page of commands.',
        schema: commandListSchema,
        examples: example({
          commands: [withNulls(commandSummarySchema, ended)],
          nextCursor: 'Yy4xNzk1MzUyODQ1NDk1NTYzLjAuMDFhMjAzNWUtNWNiNy03NDQ0LWJlMDAtZjVjYmE2NmRkNGYx',
        }),
      },
    },
    problems: [],
  },
  {
    method: 'post',
    path: '/commands/batch',
    id: 'submitBatch',
    tag: 'Commands',
    summary: `Submit up to ${limits.batchCommands} commands`,
    description:
      'All or nothing: if one command is not valid, none is stored, and the error names its index. With an ' +
      '`Idempotency-Key` the same batch may be sent any number of times; for a command with an `idempotencyKey` that key ' +
      'counts, as if it had been sent alone. After a 503 or no answer, send the batch again with the same keys.',
    headers: ['Idempotency-Key'],
    body: {
      schema: batchSchema,
      examples: example({
        commands: [
          { type: 'DELAY', payload: { ms: 0 } },
          { type: 'DELAY', payload: { ms: 10 }, queue: 'reports', onAgentLost: 'retry' },
        ],
      }),
    },
    answers: {
      200: {
        description: 'The whole batch was sent before, with the same keys: the ids of its commands.',
        schema: batchSubmittedSchema,
        examples: example({
          commandIds: ['01a2035e-5cb7-7444-be00-f5cba66dd4f1', '01a2035e-5cb7-7444-be00-fbf838063719'],
        }),
      },
      202: {
        description: 'Stored: one id per command, in order.',
        schema: batchSubmittedSchema,
        examples: example({
          commandIds: ['01a2035e-5cb7-7444-be00-f5cba66dd4f1', '01a2035e-5cb7-7444-be00-fbf838063719'],
        }),
      },
    },
    problems: [
      'unknown_type',
      'invalid_type_schema',
      'costly_payload',
      'too_many_queues',
      'idempotency_key_reused',
      'redis_key_broken',
      'redis_full',
      'busy',
      'backlog_full',
    ],
  },
  {
    method: 'get',
    path: '/commands/:id',
    id: 'getCommand',
    tag: 'Commands',
    summary: 'Get a command, or wait until it has ended',
    description:
      'With `wait` the answer is held until the command has ended, the time is up, or the server stops: check the ' +
      '`status`, and send the request again.',
    query: commandQuerySchema,
    answers: {
      200: {
        description: 'The command in its current state. Fields that have no value yet are null.',
        schema: commandViewSchema,
        examples: {
          COMPLETED: {
            value: withNulls(commandViewSchema, {
              ...ended,
              payload: { ms: 1500 },
              result: { ok: true, tookMs: 1500 },
              history: [],
            }),
          },
          FAILED: {
            summary: 'Cancelled while it ran',
            value: withNulls(commandViewSchema, {
              ...ended,
              commandId: '01a2035e-5ce0-7602-94c4-7f36e003e37f',
              status: 'FAILED',
              payload: { ms: 60_000 },
              error: { code: 'CANCELLED', message: 'it was cancelled', executed: 'yes' },
              failures: 1,
              createdAt: '2026-11-22T13:07:25.537Z',
              startedAt: '2026-11-22T13:07:25.538Z',
              finishedAt: '2026-11-22T13:07:25.586Z',
              cancelRequestedAt: '2026-11-22T13:07:25.567Z',
              history: [],
            }),
          },
        },
      },
    },
    problems: ['not_found', 'redis_key_broken', 'too_many_held'],
  },
];
