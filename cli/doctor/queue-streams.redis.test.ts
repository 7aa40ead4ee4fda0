import { partitionKeys } from '../../shared/store/keys.js';
import { TestRedis } from '../../testing/redis-server.js';
import { readQueueStreams } from './queue-streams.js';

const keys = partitionKeys();

test('a queue with the name of what every object has is paused only when an operator paused it', async () => {
  const redis = await TestRedis.start();
  try {
    const client = redis.client();
    await client.sadd(keys.queues, 'constructor', 'toString');
    await client.hset(keys.paused, 'toString', '1000');
    expect(await readQueueStreams(client, keys)).toMatchObject([
      { queue: 'constructor', pausedAt: undefined },
      { queue: 'toString', pausedAt: 1000 },
    ]);
  } finally {
    await redis.stop();
  }
});
