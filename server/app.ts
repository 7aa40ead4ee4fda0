import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { type Logger } from '../shared/runtime/logger.js';
import { agentRoutes, type AgentRoutesOptions } from './agents/agent-routes.js';
import { progressRoutes } from './agents/progress-routes.js';
import { attemptRoutes, type AttemptRoutesOptions } from './agents/attempt-routes.js';
import { eventRoutes, type EventRoutesOptions } from './events/event-routes.js';
import { accessLog } from './http/access-log.js';
import { controlRoutes } from './control/control-routes.js';
import { checking } from './http/middleware-check.js';
import { commandRoutes, type CommandRoutesOptions } from './commands/command-routes.js';
import { changesState, mount } from './http/endpoint.js';
import { problemOf } from './http/error-to-problem.js';
import { checkHead, hostGuard } from './http/host-guard.js';
import { embeddingGuard } from './http/origin-guard.js';
import { invalid, Problem, sendProblem } from './http/problem.js';
import { queueRoutes } from './queues/queue-routes.js';
import { standingHeaderEntries } from './http/standing-headers.js';
import { indexRoute, statusRoutes, type StatusRoutesOptions } from './status/status-routes.js';
import { metricsRoutes, type MetricsRoutesOptions } from './status/metrics-routes.js';
import { openApiRoutes, type OpenApiRoutesOptions } from './openapi/openapi-routes.js';

export interface AppOptions
  extends
    CommandRoutesOptions,
    StatusRoutesOptions,
    EventRoutesOptions,
    MetricsRoutesOptions,
    OpenApiRoutesOptions,
    AttemptRoutesOptions,
    AgentRoutesOptions {
  /** The address that the server listens on: on loopback, a foreign `Host` is refused. */
  readonly host: string;
  /** The names that it is reached by beside those of loopback; when left out, none if it listens there, else any. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Most queues there may be; any number when left out. */
  readonly maxQueues?: number | undefined;
  readonly logger: Logger;
}

/** The HTTP API over what it is given; it listens nowhere by itself. */
export function createApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(
    checking(
      accessLog(options.logger),
      options.metrics.countRequests,
      setStandingHeaders,
      checkHead,
      hostGuard(options.host, options.allowedHosts),
      embeddingGuard,
      refuseUndecodable,
    ),
  );
  const forAgents = [...attemptRoutes(options), ...progressRoutes(options), ...agentRoutes(options)];
  const forClients = [
    ...controlRoutes(options),
    ...commandRoutes(options),
    ...eventRoutes(options),
    ...queueRoutes(options),
    ...statusRoutes(options),
    ...openApiRoutes(options),
  ];
  const forMachines = metricsRoutes(options);
  // `/commands/next` and the like before `/commands/:id`, which would take them for ids.
  const all = [...forAgents, ...forClients, ...forMachines];
  mount(app, [indexRoute([...forClients, ...forAgents, ...forMachines]), ...all]);
  app.use(() => {
    throw new Problem('not_found', 'there is nothing at this path; GET / lists what there is');
  });
  app.use(faultHandler(options.logger));
  return app;
}

function setStandingHeaders(_request: Request, response: Response): void {
  for (const [name, value] of standingHeaderEntries) response.setHeader(name, value);
}

/** Here for every path: the router decodes only those that fill a parameter of a route. */
function refuseUndecodable(request: Request): void {
  try {
    decodeURIComponent(request.path);
  } catch {
    throw invalid([{ field: 'path', message: 'must be percent-encoded UTF-8' }]);
  }
}

/** Turns anything that was thrown into a problem. Express recognizes an error handler by its four parameters. */
function faultHandler(logger: Logger) {
  return (error: unknown, request: Request, response: Response, next: NextFunction) => {
    const problem = problemOf(error, changesState(request));
    if (problem.code === 'internal_error') logger.error({ err: error }, 'a request failed unexpectedly');
    // Too late for another answer: Express closes the connection.
    if (response.headersSent) next(error);
    else sendProblem(response, problem);
  };
}
