import { type Request, type Response } from 'express';
import { type Logger } from '../../shared/runtime/logger.js';
import { type Check } from './middleware-check.js';

/** Fields that a route adds to the log line of its request. */
interface LogFields {
  commandId?: string;
  commands?: number;
}

/** Paths that machines request all the time: their lines have level debug. */
const quietPaths = new Set(['/health', '/ready', '/metrics', '/commands/renew']);
/** The status of a poll that found nothing: its line has level debug, too. */
const noContent = 204;

/**
 * One line per request: method, pattern of the path, status, time. No payload, no query string and
 * no path as it was sent: any of them may hold a secret.
 */
export function accessLog(logger: Logger): Check {
  // Lines that the log level drops would cost nearly as much as lines that are written.
  if (!logger.isLevelEnabled('info')) return () => undefined;
  return (request, response) => {
    const startedAt = performance.now();
    response.on('close', () => {
      const path = patternOf(request);
      const line = {
        method: request.method,
        path,
        status: response.statusCode,
        ms: Math.round((performance.now() - startedAt) * 10) / 10,
        ...logFields(response),
        // The client went away before it had its answer.
        ...(response.writableFinished ? {} : { aborted: true }),
      };
      if (quietPaths.has(path) || response.statusCode === noContent) logger.debug(line, 'request');
      else logger.info(line, 'request');
    });
  };
}

/** Adds fields to the request's log line. */
export function logWith(response: Response, fields: LogFields): void {
  response.locals.log = { ...logFields(response), ...fields };
}

function logFields(response: Response): LogFields {
  // Only `logWith` writes it.
  return (response.locals as { log?: LogFields }).log ?? {};
}

/** `/commands/:id`, or `-` for a path that no route has. */
export function patternOf(request: Request): string {
  const route: unknown = request.route;
  const path = typeof route === 'object' && route !== null && 'path' in route ? route.path : undefined;
  return typeof path === 'string' ? path : '-';
}
