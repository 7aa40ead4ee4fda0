import {
  drainingSchema,
  leaveQuerySchema,
  leftSchema,
  nextCommandSchema,
  nextQuerySchema,
  progressBodySchema,
  progressToldSchema,
  registerBodySchema,
  registeredSchema,
  releaseBodySchema,
  releasedSchema,
  renewBodySchema,
  renewedSchema,
  reportBodySchema,
  reportedSchema,
  settleBodySchema,
  settledSchema,
} from '../../../shared/protocol/agent-api.js';
import { example } from '../examples.js';
import { type Operation } from '../operation.js';

const commandId = '01a2035e-5cb7-7444-be00-fbf838063719';
// A made-up session: each run has its own, and keeps it secret.
const session = '9c1f4e7ab2d05386.1795360481239.r2f0d7c61b9e85a34';
const caller = { agentId: 'http-1', session };

const registerAgent: Operation = {
  method: 'put',
  path: '/agents/:agentId',
  id: 'registerAgent',
  tag: 'Agents',
  summary: 'Take a name, or say that it is still there',
  description:
    'Its `types` may carry JSON Schemas: submissions of these types are checked by them from then on.',
  body: {
    schema: registerBodySchema,
    examples: {
      names: {
        value: {
          session,
          queues: ['reports'],
          concurrency: 1,
          host: 'host7',
          pid: 4711,
        },
      },
      announces: {
        summary: 'With a command type of its own',
        value: {
          session,
          types: [
            {
              type: 'RESIZE',
              payload: {
                type: 'object',
                properties: { image: { type: 'string' }, width: { type: 'integer', minimum: 1 } },
                required: ['image', 'width'],
                additionalProperties: false,
              },
              result: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
              onAgentLost: 'retry',
              defaultTimeoutMs: 60_000,
            },
          ],
        },
      },
    },
  },
  answers: {
    200: {
      description: 'The name is its own until it has not been heard of for `leaseMs`.',
      schema: registeredSchema,
      examples: example({
        ...caller,
        leaseMs: 15_000,
        at: '2026-11-22T13:07:25.694Z',
        draining: false,
        differing: [],
      }),
    },
  },
  problems: [
    'not_found',
    'old_session',
    'agent_name_taken',
    'redis_full',
    'redis_key_broken',
    'busy',
    'conflict',
  ],
};

const attemptOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/commands/next',
    id: 'nextCommand',
    tag: 'Agents',
    summary: 'Start the next command',
    description:
      'Gives again what this session runs and does not hold, since the last answer may have been lost; else starts ' +
      'a command, while it has fewer than `concurrency`. It changes state: HEAD is refused, and so is a browser that does not show that a page of this server asks.',
    query: nextQuerySchema,
    queryExample: caller,
    answers: {
      200: {
        description: 'A command, RUNNING from now on: its lease has begun.',
        schema: nextCommandSchema,
        examples: example({
          commandId,
          type: 'DELAY',
          payload: { ms: 10 },
          attempt: 1,
          ticket: 'default/1795360481239-0',
          queue: 'reports',
          timeoutMs: null,
          onAgentLost: 'retry',
          leaseMs: 15_000,
          heldMs: 3,
        }),
      },
      204: { description: 'None, for now.', headers: ['Fencepost-Draining'] },
    },
    problems: ['old_session', 'agent_name_taken', 'too_many_held'],
  },
  {
    method: 'post',
    path: '/commands/renew',
    id: 'renewAttempts',
    tag: 'Agents',
    summary: 'Say that these are still at work',
    description: 'At least every third of `leaseMs`. The answer names those whose execution must stop.',
    body: { schema: renewBodySchema, examples: example({ ...caller, held: [{ commandId, attempt: 1 }] }) },
    answers: {
      200: {
        description: 'All others were renewed.',
        schema: renewedSchema,
        examples: example({ lost: [], cancelled: [] }),
      },
    },
    problems: [],
  },
  {
    method: 'post',
    path: '/commands/progress',
    id: 'tellProgress',
    tag: 'Agents',
    summary: 'Say how far these are',
    description: 'Shown of the command and in the events. `sequence` grows with each telling of an attempt.',
    body: {
      schema: progressBodySchema,
      examples: example({
        ...caller,
        told: [{ commandId, attempt: 1, sequence: 1, progress: { done: 3, of: 6 } }],
      }),
    },
    answers: {
      200: {
        description: 'Stored, but for those that are no longer of this session.',
        schema: progressToldSchema,
        examples: example({ lost: [] }),
      },
    },
    problems: ['busy'],
  },
  {
    method: 'put',
    path: '/commands/:id/result',
    id: 'reportOutcome',
    tag: 'Agents',
    summary: 'Report how an attempt ended',
    description:
      'The same report may be sent any number of times. `attempt` may be left out of the first one.',
    headers: ['Fencepost-Ticket'],
    body: {
      schema: reportBodySchema,
      examples: {
        COMPLETED: {
          value: { ...caller, attempt: 1, status: 'COMPLETED', result: { ok: true, tookMs: 10 } },
        },
        FAILED: {
          value: { ...caller, attempt: 1, status: 'FAILED', error: { message: 'the disk is full' } },
        },
      },
    },
    answers: {
      200: {
        description: 'Stored, now or when the same report came before.',
        schema: reportedSchema,
        examples: example({ commandId, again: false }),
      },
    },
    problems: ['not_found', 'conflict', 'late_report', 'redis_key_broken'],
  },
  {
    method: 'post',
    path: '/commands/:id/release',
    id: 'releaseAttempt',
    tag: 'Agents',
    summary: 'Hand a command back unexecuted',
    body: { schema: releaseBodySchema, examples: example({ ...caller, attempt: 1 }) },
    answers: {
      200: { description: 'It waits again.', schema: releasedSchema, examples: example({ commandId }) },
    },
    problems: ['not_found', 'conflict', 'redis_key_broken'],
  },
];

/** The operations of server/agents: requests of agents that reach only the server, in the order of their use. */
export const agentOperations: readonly Operation[] = [
  registerAgent,
  {
    method: 'post',
    path: '/agents/:agentId/settle',
    id: 'settleEarlierRuns',
    tag: 'Agents',
    summary: 'End, or requeue, what earlier runs of this agent left',
    description:
      'For runs that are over for certain, once every outcome of theirs is reported. Without it their commands wait for their lease.',
    body: {
      schema: settleBodySchema,
      examples: example({ session, earlier: ['9c1f4e7ab2d05386.1795360417011.rb81e6d05c7f2a943'] }),
    },
    answers: {
      200: {
        description: 'What they had started and not reported, and what became of it.',
        schema: settledSchema,
        examples: example({ agentId: 'http-1', settled: [{ commandId, attempt: 1, word: 'requeued' }] }),
      },
    },
    problems: ['not_found', 'old_session'],
  },
  ...attemptOperations,
  {
    method: 'post',
    path: '/agents/:agentId/drain',
    id: 'drainAgent',
    tag: 'Agents',
    summary: 'Let an agent take no more commands, until its next run',
    description: 'For operators. At once over HTTP, else with its next heartbeat: a third of its lease.',
    answers: {
      202: {
        description: 'Its present session is told.',
        schema: drainingSchema,
        examples: example({ agentId: 'http-1', session: '6ecb20f5a81d' }),
      },
    },
    problems: ['not_found'],
  },
  {
    method: 'delete',
    path: '/agents/:agentId',
    id: 'leave',
    tag: 'Agents',
    summary: 'Give the name back',
    query: leaveQuerySchema,
    queryExample: { session: caller.session },
    answers: {
      200: {
        description: '`left`: it was held by this session.',
        schema: leftSchema,
        examples: example({ agentId: 'http-1', left: true }),
      },
    },
    problems: ['not_found'],
  },
];
