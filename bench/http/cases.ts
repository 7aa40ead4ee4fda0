import { load } from '../load.js';
import { type TargetId } from '../targets.js';
import { batchBody } from './http-door.js';
import { type Order } from './orders.js';

/** A way to submit over HTTP: one row of the table. */
export interface HttpCase {
  readonly name: string;
  /** Where the requests go. */
  readonly path: string;
  readonly order: Pick<Order, 'body' | 'requests' | 'connections'>;
  readonly commandsPerRequest: number;
  readonly target?: TargetId;
}

const command = { type: load.type, payload: JSON.stringify(load.payload) };

/** A lap of each takes about a second. */
const singles = [
  { connections: 1, requests: 500 },
  { connections: 10, requests: 2000 },
  { connections: 100, requests: 5000 },
] as const;

const batches = [
  { size: 100, requests: 100 },
  { size: 1000, requests: 20 },
] as const;

/** @param short so few requests that each takes a moment */
export function httpCases(short: boolean): readonly HttpCase[] {
  const few = (requests: number) => (short ? Math.max(2, requests / 50) : requests);
  return [
    ...singles.map(({ connections, requests }): HttpCase => ({
      name: `one by one, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
      path: '/commands',
      order: {
        body: JSON.stringify({ type: load.type, payload: load.payload }),
        requests: few(requests),
        connections,
      },
      commandsPerRequest: 1,
      ...(connections === 100 ? { target: 'http-submit' } : {}),
    })),
    ...batches.map(({ size, requests }): HttpCase => ({
      name: `batches of ${size}, ${load.batchesInFlight} connections`,
      path: '/commands/batch',
      order: {
        body: batchBody(Array.from({ length: size }, () => command)),
        requests: few(requests),
        connections: load.batchesInFlight,
      },
      commandsPerRequest: size,
    })),
  ];
}
