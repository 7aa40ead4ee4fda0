import { noFaults } from '../../shared/runtime/faults.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { byExtent } from '../../testing/extent.js';
import { HttpProxy, type SeenMatch } from '../../testing/http-proxy.js';
import { TestRedis } from '../../testing/redis-server.js';
import { conformance, type LosableCall, type TransportRig } from '../../agent/transport/conformance.js';
import { HttpTransport } from '../../agent/transport/http-transport.js';
import { Server } from '../server.js';

// This test is not next to the transport because it needs a server, which agent/ must not know.

const logger = createLogger({ side: 'agent', level: 'silent' });
// No test waits for the lease. An answer may take a sixth of it, which must be long on a busy machine.
const leaseMs = 12_000;
const calls: Record<LosableCall, SeenMatch> = {
  next: ({ path }) => path.startsWith('/commands/next'),
  report: ({ path }) => path.endsWith('/result'),
  renew: ({ path }) => path === '/commands/renew',
  reportProgress: ({ path }) => path === '/commands/progress',
  register: ({ method }) => method === 'PUT',
  leave: ({ method }) => method === 'DELETE',
};

// In `npm test` every test of `test/` that has agents over HTTP tries one server.
describe.each(byExtent([1, 2], [2]))('through %s server(s)', (count) => {
  let redis: TestRedis;
  let servers: Server[];
  let proxies: HttpProxy[];
  let rig: TransportRig;

  beforeAll(async () => {
    redis = await TestRedis.start();
    const options = { host: '127.0.0.1', port: 0, leaseMs, graceMs: 1000, maxBacklog: 10_000, logger };
    servers = Array.from({ length: count }, () => new Server({ ...options, redisUrl: redis.url }));
    await Promise.all(servers.map((server) => server.start()));
    proxies = await Promise.all(servers.map(({ url }) => HttpProxy.start(url)));
    const serverUrls = proxies.map(({ url }) => url);
    rig = {
      redis: redis.client(),
      leaseMs,
      connect: (agent, description) => {
        const more = { leaseMs, pollIntervalMs: 50, logger, faults: noFaults };
        return new HttpTransport({ serverUrls, agent, description, ...more });
      },
      // The server that is asked first loses the answer; the other, if there is one, is asked next.
      loseAnswer: (call) => {
        const isLost = ({ status }: { status: number }) => call !== 'next' || status === 200;
        const lost = Promise.race(proxies.map((proxy) => proxy.loseAnswer(calls[call], isLost).lost));
        return { lost };
      },
      cut: () => proxies.forEach((proxy) => proxy.cut()),
      heal: () => proxies.forEach((proxy) => proxy.heal()),
    };
  });
  afterAll(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await Promise.all(servers.map((server) => server.stop()));
    await redis.stop();
  });

  conformance(() => rig);
});
