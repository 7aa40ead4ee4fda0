import { type Endpoint } from '../http/endpoint.js';
import { type Metrics } from './metrics.js';

export interface MetricsRoutesOptions {
  readonly metrics: Metrics;
}

export function metricsRoutes({ metrics }: MetricsRoutesOptions): Endpoint[] {
  return [
    {
      method: 'get',
      path: '/metrics',
      about: 'metrics for Prometheus',
      handle: async (_request, response) => {
        const text = await metrics.text();
        response.set('Content-Type', metrics.contentType).send(text);
      },
    },
  ];
}
