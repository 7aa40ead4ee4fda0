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
  summary: 'Register an agent, or send its heartbeat',
  description:
    'The `types` may carry JSON Schemas, by which submissions of these types are checked from then on.',
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
        summary: 'Announces a command type of its own',
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
      description: 'Registered: the agent holds the name until it has been silent for `leaseMs`.',
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
      'Returns again a command that this session runs and does not list in `holding`, since the last answer may have been ' +
      'lost; otherwise starts a command, while the session has fewer than `concurrency`. The call changes state: HEAD is ' +
      'refused, and so is a browser request that is not proved to come from a page of this server.',
    query: nextQuerySchema,
    queryExample: caller,
    answers: {
      200: {
        description: 'The command to execute. It is RUNNING from now on, and its lease has begun.',
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
      204: { description: 'No command for now.', headers: ['Fencepost-Draining'] },
    },
    problems: ['old_session', 'agent_name_taken', 'too_many_held'],
  },
  {
    method: 'post',
    path: '/commands/renew',
    id: 'renewAttempts',
    tag: 'Agents',
    summary: 'Renew the leases of attempts',
    description:
      'Must be sent at least every third of `leaseMs`. The answer lists the attempts whose execution must stop.',
    body: { schema: renewBodySchema, examples: example({ ...caller, held: [{ commandId, attempt: 1 }] }) },
    answers: {
      200: {
        description: 'The attempts that must stop. All others were renewed.',
        schema: renewedSchema,
        examples: example({ lost: [], cancelled: [] }),
      },
    },
    problems: [],
  },
  {
    method: 'post',
    path: '/commands/progress',
    id: 'reportProgress',
    tag: 'Agents',
    summary: 'Report the progress of attempts',
    description:
      'The progress is shown with the command and in the events. `sequence` must grow with each update of an attempt.',
    body: {
      schema: progressBodySchema,
      examples: example({
        ...caller,
        told: [{ commandId, attempt: 1, sequence: 1, progress: { done: 3, of: 6 } }],
      }),
    },
    answers: {
      200: {
        description: 'Stored, except for attempts that no longer belong to this session.',
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
    summary: 'Report the outcome of an attempt',
    description:
      'The same report may be sent any number of times. `attempt` may be left out for the first attempt.',
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
        description: 'Stored, now or when the same report was sent before.',
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
    summary: 'Release a command that was not executed',
    body: { schema: releaseBodySchema, examples: example({ ...caller, attempt: 1 }) },
    answers: {
      200: {
        description: 'The command waits again.',
        schema: releasedSchema,
        examples: example({ commandId }),
      },
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
    summary: 'Resolve the commands of earlier sessions of an agent',
    description:
      'Ends or requeues the commands that these sessions left. For sessions that have ended for certain, once all of ' +
      'their outcomes are reported. Without this call their commands wait for their lease.',
    body: {
      schema: settleBodySchema,
      examples: example({ session, earlier: ['9c1f4e7ab2d05386.1795360417011.rb81e6d05c7f2a943'] }),
    },
    answers: {
      200: {
        description:
          'The commands that these sessions had started and not reported, each with its resolution.',
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
    summary: 'Drain an agent until its next run',
    description:
      'For operators. The agent accepts no more commands: at once over HTTP, else from its next heartbeat, a third of its lease.',
    answers: {
      202: {
        description: 'The current session of the agent is being drained.',
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
    summary: 'Deregister an agent',
    query: leaveQuerySchema,
    queryExample: { session: caller.session },
    answers: {
      200: {
        description: '`left`: whether this session held the name.',
        schema: leftSchema,
        examples: example({ agentId: 'http-1', left: true }),
      },
    },
    problems: ['not_found'],
  },
];
