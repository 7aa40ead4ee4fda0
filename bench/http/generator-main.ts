import { Pool } from 'undici';
import { exitWithParent, reportReady } from '../../shared/runtime/parent.js';
import { type Done, type Order, orderSchema } from './orders.js';

// The load generator, a process of its own: it must not slow down the server that it measures more than its
// share of the machine does.

const pools = new Map<string, Pool>();

function poolOf({ url, connections }: Order): Pool {
  const { origin } = new URL(url);
  const key = `${origin} ${connections}`;
  const pool = pools.get(key) ?? new Pool(origin, { connections, pipelining: 1 });
  pools.set(key, pool);
  return pool;
}

async function carryOut(order: Order): Promise<number> {
  const pool = poolOf(order);
  const path = new URL(order.url).pathname;
  let left = order.requests;
  const connection = async () => {
    while (left > 0) {
      left--;
      const { statusCode, body } = await pool.request({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json' },
        body: order.body,
      });
      const text = await body.text();
      if (statusCode !== 202) throw new Error(`${order.url} answered ${statusCode}: ${text.slice(0, 1000)}`);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: order.connections }, connection));
  return performance.now() - startedAt;
}

const say = (done: Done) => process.send?.(done);

process.on('message', (message) => {
  const order = orderSchema.parse(message);
  const { number } = order;
  carryOut(order).then(
    (ms) => say({ number, ms }),
    (error: unknown) => say({ number, failed: String(error) }),
  );
});
exitWithParent(() => Promise.resolve(), 0);
reportReady();
