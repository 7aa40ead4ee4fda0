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

interface Sizes {
  readonly singles: readonly { readonly connections: number; readonly requests: number }[];
  readonly batches: readonly { readonly size: number; readonly requests: number }[];
  /** The connections of the one of the singles that is compared with the target. */
  readonly judged: number;
}

/** A lap of each takes about a second. */
const long: Sizes = {
  singles: [
    { connections: 1, requests: 500 },
    { connections: 10, requests: 2000 },
    { connections: 100, requests: 5000 },
  ],
  batches: [
    { size: 100, requests: 100 },
    { size: 1000, requests: 20 },
  ],
  judged: 100,
};
/** Few connections: on a machine that is busy with other tests, a hundred would wait for longer than an answer may take. */
const short: Sizes = {
  singles: [{ connections: 5, requests: 30 }],
  batches: [{ size: 100, requests: 3 }],
  judged: 5,
};

/** @param isShort so few requests that each takes a moment */
export function httpCases(isShort: boolean): readonly HttpCase[] {
  const { singles, batches, judged } = isShort ? short : long;
  return [
    ...singles.map(({ connections, requests }): HttpCase => ({
      name: `one by one, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
      path: '/commands',
      order: {
        body: JSON.stringify({ type: load.type, payload: load.payload }),
        requests,
        connections,
      },
      commandsPerRequest: 1,
      ...(connections === judged ? { target: 'http-submit' } : {}),
    })),
    ...batches.map(({ size, requests }): HttpCase => ({
      name: `batches of ${size}, ${load.batchesInFlight} connections`,
      path: '/commands/batch',
      order: {
        body: batchBody(Array.from({ length: size }, () => command)),
        requests,
        connections: load.batchesInFlight,
      },
      commandsPerRequest: size,
    })),
  ];
}
