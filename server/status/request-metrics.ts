import { type Request } from 'express';
import { Counter, Histogram, type Registry } from 'prom-client';
import { patternOf } from '../http/access-log.js';
import { type Check } from '../http/middleware-check.js';

/** In seconds: from an answer out of memory to the 2 s within which every client has one. */
const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/**
 * Counts requests by pattern of the path (never the path itself: it would make a time series of every id),
 * and measures how long answers took, except those that were held because the client asked for it.
 */
export function requestMetrics(registry: Registry): Check {
  const requests = new Counter({
    name: 'fencepost_http_requests_total',
    help: 'Requests by route and status; status "aborted": the client went away before the answer began.',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'fencepost_http_request_duration_seconds',
    help: 'Time until the answer was sent, without answers that were held on request (?wait=, /events).',
    labelNames: ['method', 'route'],
    buckets,
    registers: [registry],
  });
  return (request, response) => {
    const startedAt = performance.now();
    response.once('close', () => {
      const { method } = request;
      const route = patternOf(request);
      const status = response.headersSent ? String(response.statusCode) : 'aborted';
      requests.inc({ method, route, status });
      const seconds = (performance.now() - startedAt) / 1000;
      if (status !== 'aborted' && !isHeld(request, route)) durations.observe({ method, route }, seconds);
    });
  };
}

const isHeld = (request: Request, route: string) => route === '/events' || Number(request.query.wait) > 0;
