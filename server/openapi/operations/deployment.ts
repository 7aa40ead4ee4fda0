import {
  agentListSchema,
  agentViewSchema,
  healthSchema,
  queueListSchema,
  queuesQuerySchema,
  readinessSchema,
  statsSchema,
  typeListSchema,
  typeViewSchema,
} from '../../../shared/protocol/api.js';
import { builtInTypes } from '../../../shared/protocol/command-types.js';
import { example, withNulls } from '../examples.js';
import { type Operation } from '../operation.js';

const metrics = [
  '# HELP fencepost_commands Commands by status.',
  '# TYPE fencepost_commands gauge',
  'fencepost_commands{status="PENDING"} 1',
  'fencepost_commands{status="RUNNING"} 0',
  'fencepost_commands{status="COMPLETED"} 4',
  'fencepost_commands{status="FAILED"} 1',
  '',
].join('\n');

const views: readonly Operation[] = [
  {
    method: 'get',
    path: '/agents',
    id: 'listAgents',
    tag: 'Deployment',
    summary: 'Agents: who they are, what they serve, when they were last heard of',
    answers: {
      200: {
        description: 'All that did not stop in good order.',
        schema: agentListSchema,
        examples: example({
          agents: [
            withNulls(agentViewSchema, {
              agentId: 'http-1',
              session: '6ecb20f5a81d',
              instance: 'd41b0c5e9f27',
              state: 'live',
              draining: false,
              host: 'host7',
              pid: 4711,
              queues: ['reports'],
              types: [],
              concurrency: 1,
              running: 0,
              leaseMs: 15_000,
              lastSeen: '2026-11-22T13:07:25.694Z',
            }),
          ],
        }),
      },
    },
    problems: [],
  },
  {
    method: 'get',
    path: '/types',
    id: 'listTypes',
    tag: 'Deployment',
    summary: 'Command types with the JSON Schemas of their payloads and results',
    answers: {
      200: {
        description: 'Those built in, and those that agents announced.',
        schema: typeListSchema,
        examples: example({
          types: [
            withNulls(typeViewSchema, { type: 'DELAY', source: 'built-in', ...builtInTypes.get('DELAY') }),
          ],
        }),
      },
    },
    problems: ['redis_key_broken'],
  },
  {
    method: 'get',
    path: '/queues',
    id: 'listQueues',
    tag: 'Deployment',
    summary: 'Queues: how much waits in them, for how long, and whether they are paused',
    query: queuesQuerySchema,
    answers: {
      200: {
        description:
          'By name: every queue of which a command is kept, whatever its status, or that is paused.',
        schema: queueListSchema,
        examples: example({
          queues: [
            {
              queue: 'reports',
              length: 1,
              pending: 0,
              oldestWaitingMs: 332,
              consumers: 1,
              paused: false,
              pausedAt: null,
            },
          ],
          nextCursor: null,
        }),
      },
    },
    problems: [],
  },
  {
    method: 'get',
    path: '/stats',
    id: 'getStats',
    tag: 'Deployment',
    summary: 'The whole in numbers',
    answers: {
      200: {
        description: 'Counts are exact.',
        schema: statsSchema,
        examples: example(
          withNulls(statsSchema, {
            counts: { PENDING: 1, RUNNING: 0, COMPLETED: 3, FAILED: 1 },
            scheduled: 0,
            pendingEntries: 0,
            oldestWaitingMs: 371,
            deadEntries: 0,
            recovery: { holdOffs: 0, holdUntil: null },
            retention: { pruned: 0, lastPrunedAt: null, behindMs: 0 },
            leftoverRunning: { found: 0, leasesAlive: 0, leasesRunOut: 0, commandIds: [] },
          }),
        ),
      },
    },
    problems: [],
  },
];

/** The operations of server/http/status-routes.ts, server/http/queue-routes.ts and server/metrics. */
export const deploymentOperations: readonly Operation[] = [
  ...views,
  {
    method: 'get',
    path: '/metrics',
    id: 'getMetrics',
    tag: 'Deployment',
    summary: 'The same numbers for Prometheus, and those of this process',
    answers: {
      200: {
        description: 'Prometheus text format. While Redis is away, `fencepost_redis_up` is 0.',
        text: 'text/plain',
        examples: example(metrics),
      },
    },
    withoutRedis: true,
    problems: ['redis_key_broken'],
  },
  {
    method: 'get',
    path: '/health',
    id: 'getHealth',
    tag: 'Deployment',
    summary: 'This process answers',
    description: 'It says nothing of Redis: restarting a server does not bring that back.',
    answers: {
      200: { description: 'It does.', schema: healthSchema, examples: example({ status: 'ok' }) },
    },
    withoutRedis: true,
    problems: [],
  },
  {
    method: 'get',
    path: '/ready',
    id: 'getReadiness',
    tag: 'Deployment',
    summary: 'It can take commands, and whether Redis runs in a way that keeps them',
    answers: {
      200: {
        description: 'It can.',
        schema: readinessSchema,
        examples: example({ status: 'ready', durability: { ok: true, reasons: [] }, limits: [] }),
      },
    },
    problems: [],
  },
];
