import { shaOf } from '../lifecycle/scripts.js';
import { noFaults } from '../runtime/faults.js';
import { createLogger } from '../runtime/logger.js';
import { TestRedis } from '../testing/redis-server.js';
import { requestOf, TcpProxy } from '../testing/tcp-proxy.js';
import { conformance, type LosableCall, type TransportRig } from './conformance.js';
import { RedisTransport } from './redis-transport.js';

const logger = createLogger({ side: 'agent', level: 'silent' });
const leaseMs = 3000;
const scripts = {
  next: 'start',
  report: 'report',
  renew: 'renew',
  register: 'register',
  leave: 'leave',
} as const;

let redis: TestRedis;
let proxy: TcpProxy;
let rig: TransportRig;

beforeAll(async () => {
  redis = await TestRedis.start();
  proxy = await TcpProxy.start({ path: redis.socket });
  rig = {
    redis: redis.client(),
    leaseMs,
    connect: (agent, description) =>
      new RedisTransport({ redisUrl: proxy.url, agent, description, leaseMs, logger, faults: noFaults }),
    loseAnswer: (call: LosableCall) => proxy.loseReply(requestOf('EVALSHA', shaOf(scripts[call]))),
    cut: () => {
      proxy.cut();
      proxy.reset();
    },
    heal: () => proxy.heal(),
  };
});
afterAll(async () => {
  await proxy.stop();
  await redis.stop();
});

conformance(() => rig);
