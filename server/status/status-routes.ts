import { type z } from 'zod';
import {
  type agentListSchema,
  type healthSchema,
  type indexSchema,
  type RunningAtStartup,
  type readinessSchema,
  type Stats,
  type typeListSchema,
} from '../../shared/protocol/api.js';
import { version } from '../../shared/runtime/version.js';
import { readDurability } from '../../shared/store/durability.js';
import { describeMissing, readPermissions } from '../../shared/store/permissions.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { readAgents } from '../agents/agent-list.js';
import { readLoads, readQueueNames } from '../queues/queue-loads.js';
import { readStats } from './stats.js';
import { sendHomePage } from '../openapi/openapi-routes.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { type TypeCatalog } from '../types/type-catalog.js';
import { type Endpoint } from '../http/endpoint.js';
import { redisUnavailable } from '../http/error-to-problem.js';

export interface StatusRoutesOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly catalog: TypeCatalog;
  /** The running commands that this server found when it started; null until it has looked. */
  readonly runningAtStartup: () => RunningAtStartup | null;
}

/** Returns the routes that show what the deployment is doing, and whether this server is healthy. */
export function statusRoutes({ link, keys, catalog, runningAtStartup }: StatusRoutesOptions): Endpoint[] {
  return [
    {
      method: 'get',
      path: '/agents',
      about: 'list agents, with the queues and types that they serve and their last heartbeat',
      handle: async (_request, response) => {
        const agents = await link.call((redis) => readAgents(redis, keys));
        response.json({ agents } satisfies z.input<typeof agentListSchema>);
      },
    },
    {
      method: 'get',
      path: '/types',
      about: 'list command types, with the JSON Schemas of their payloads and results',
      handle: async (_request, response) => {
        response.json({ types: await catalog.views() } satisfies z.input<typeof typeListSchema>);
      },
    },
    {
      method: 'get',
      path: '/stats',
      about: 'statistics',
      handle: async (_request, response) => {
        const stats = await link.call(async (redis) => {
          const queues = await readLoads(redis, keys, await readQueueNames(redis, keys));
          return readStats(redis, keys, queues, runningAtStartup());
        });
        response.json(stats satisfies Stats);
      },
    },
    {
      method: 'get',
      path: '/health',
      about: 'liveness: this process answers',
      handle: (_request, response) => {
        response.json({ status: 'ok' } satisfies z.input<typeof healthSchema>);
      },
    },
    {
      method: 'get',
      path: '/ready',
      about: 'readiness: whether this server accepts commands, and whether Redis keeps them durably',
      handle: async (_request, response) => {
        response.json(await readReadiness(link));
      },
    },
  ];
}

/** @throws Problem when this server can take no commands */
async function readReadiness(link: RedisCalls): Promise<z.input<typeof readinessSchema>> {
  const [{ ok, reasons, readOnly }, { missing, limits }] = await link.call((redis) =>
    Promise.all([readDurability(redis), readPermissions(redis, 'server')]),
  );
  if (missing.length > 0) throw redisUnavailable(lacking(missing), 'nothing');
  if (readOnly !== undefined) throw redisUnavailable(readOnly, 'nothing');
  return { status: 'ready', durability: { ok, reasons: [...reasons] }, limits: [...limits] };
}

const lacking = (missing: Parameters<typeof describeMissing>[0]) =>
  `the Redis user may not do all that a server needs: ${describeMissing(missing)}`;

/** The page at `/`: where to go from here. */
export function indexRoute(endpoints: readonly Endpoint[]): Endpoint {
  const lines = endpoints.map(
    ({ method, path, about }) => [`${method.toUpperCase()} ${path}`, about] as const,
  );
  const body = {
    name: 'fencepost',
    version,
    endpoints: Object.fromEntries(lines),
  } satisfies z.input<typeof indexSchema>;
  return {
    method: 'get',
    path: '/',
    about: 'this page; for browsers as HTML',
    handle: (request, response) => {
      response.vary('Accept');
      // A client that accepts both alike, as curl does, is a program.
      const isForBrowsers = request.accepts(['application/json', 'text/html']) === 'text/html';
      return isForBrowsers ? sendHomePage(response) : void response.json(body);
    },
  };
}
