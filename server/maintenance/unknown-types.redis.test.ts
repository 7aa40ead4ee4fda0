import { type Redis } from 'ioredis';
import { start, submit } from '../../shared/lifecycle/transitions.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { agentKey, agentsKey, partitionKeys } from '../../shared/store/keys.js';
import { asAgent1, newCommand } from '../../testing/command-fixtures.js';
import { TestRedis } from '../../testing/redis-server.js';
import { RedisLink } from '../redis/redis-link.js';
import { unknownTypes } from './unknown-types.js';

const keys = partitionKeys();
let redis: TestRedis;
let client: Redis;
let link: RedisLink;

beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  const logger = createLogger({ side: 'server', level: 'silent' });
  link = new RedisLink({ url: redis.url, logger, check: () => Promise.resolve() });
  await link.start();
});
afterAll(async () => {
  await link.stop();
  await redis.stop();
});

beforeEach(() => client.flushall());

/** Submits a command of this type, and lets an agent receive it that does not know the type. */
async function meet(id: string, type: string, queue = 'default'): Promise<void> {
  await submit(client, keys, [newCommand(id, { type, queue })], {
    notAfter: Number.MAX_SAFE_INTEGER,
    maxBacklog: 1000,
  });
  await start(client, keys, { ...asAgent1, queues: [queue], types: ['DELAY'] });
}

async function serve(agentId: string, types: string, queues = 'default'): Promise<void> {
  const fields = { session: 's', queues, types, leaseMs: '3600000', lastSeen: String(Date.now()) };
  await client.sadd(agentsKey, agentId);
  await client.hset(agentKey(agentId), fields);
}

test('a type that no agent knows is logged once, however many commands there are, and anew after one knew it', async () => {
  const lines: object[] = [];
  const logger = createLogger({ side: 'server', level: 'silent' });
  logger.warn = (fields: object) => void lines.push(fields);
  const sweeper = unknownTypes(link, keys, logger);
  const look = async () => {
    await sweeper.start();
    await sweeper.stop();
  };

  await look();
  await serve('agent-1', 'DELAY');
  await meet('a', 'ODD');
  await meet('b', 'ODD');
  await meet('c', 'EVEN');
  await look();
  await meet('d', 'ODD');
  await look();
  const both = [
    { type: 'EVEN', queue: 'default' },
    { type: 'ODD', queue: 'default' },
  ];
  expect(lines.sort((one, other) => JSON.stringify(one).localeCompare(JSON.stringify(other)))).toEqual(both);

  await serve('agent-2', 'ODD');
  await look();
  expect(lines).toHaveLength(2);
  await client.del(agentKey('agent-2'));
  await look();
  expect(lines).toHaveLength(3);
  expect(lines.at(-1)).toEqual({ type: 'ODD', queue: 'default' });
});

test('a type that agents of one queue know, and those of another do not, is logged once', async () => {
  const lines: object[] = [];
  const logger = createLogger({ side: 'server', level: 'silent' });
  logger.warn = (fields: object) => void lines.push(fields);
  const sweeper = unknownTypes(link, keys, logger);
  await serve('agent-1', 'DELAY', 'default,other');
  await meet('a', 'ODD');
  await meet('b', 'ODD', 'other');
  await serve('agent-2', 'ODD', 'other');
  for (let i = 0; i < 3; i++) {
    await sweeper.start();
    await sweeper.stop();
  }
  expect(lines).toEqual([{ type: 'ODD', queue: 'default' }]);
});
