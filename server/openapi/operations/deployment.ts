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
    summary: 'List agents, with the queues and types that they serve and their last heartbeat',
    answers: {
      200: {
        description: 'All agents except those that stopped gracefully.',
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
    summary: 'List command types, with the JSON Schemas of their payloads and results',
    answers: {
      200: {
        description: 'Built-in types, and types that agents announced.',
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
    summary:
      'List queues, with their length, the age of the oldest waiting entry, and whether they are paused',
    query: queuesQuerySchema,
    answers: {
      200: {
        description:
          'Every queue of which a command is kept, in any status, or that is paused; sorted by name.',
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
    summary: 'Statistics',
    answers: {
      200: {
        description: 'Statistics of the deployment. Counts are exact.',
        schema: statsSchema,
        examples: example(
          withNulls(statsSchema, {
            counts: { PENDING: 1, RUNNING: 0, COMPLETED: 3, FAILED: 1 },
            scheduled: 0,
            pendingEntries: 0,
            oldestWaitingMs: 371,
            malformedEntries: 0,
            recovery: { pauses: 0, pausedUntil: null },
            retention: { pruned: 0, lastPrunedAt: null, behindMs: 0 },
            runningAtStartup: { count: 0, leasesActive: 0, leasesExpired: 0, commandIds: [] },
          }),
        ),
      },
    },
    problems: [],
  },
];

/** The operations of server/status/status-routes.ts, server/queues/queue-routes.ts and server/status/metrics-routes.ts. */
export const deploymentOperations: readonly Operation[] = [
  ...views,
  {
    method: 'get',
    path: '/metrics',
    id: 'getMetrics',
    tag: 'Deployment',
    summary: 'Statistics for Prometheus, with metrics of this process',
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
    summary: 'Liveness',
    description: 'The answer does not depend on Redis: restarting a server does not bring Redis back.',
    answers: {
      200: { description: 'The process answers.', schema: healthSchema, examples: example({ status: 'ok' }) },
    },
    withoutRedis: true,
    problems: [],
  },
  {
    method: 'get',
    path: '/ready',
    id: 'getReadiness',
    tag: 'Deployment',
    summary: 'Readiness: whether the server accepts commands, and whether Redis keeps them durably',
    answers: {
      200: {
        description: 'The server accepts commands.',
        schema: readinessSchema,
        examples: example({ status: 'ready', durability: { ok: true, reasons: [] }, limits: [] }),
      },
    },
    problems: [],
  },
];
