import { partitionKeys } from '../shared/store/keys.js';
import { TestRedis } from '../testing/redis-server.js';
import { Watch } from './watch.js';

const { command, events } = partitionKeys();

let server: TestRedis;
beforeAll(async () => {
  server = await TestRedis.start();
});
afterAll(() => server.stop());

test('a command has moved when it is started, and not when it says how far it is', async () => {
  const redis = server.client();
  // The watch reads the hash again after a while.
  await redis.hset(command('a'), { status: 'PENDING', attempt: 0 });
  let nowMs = 1;
  const ended: number[] = [];
  const watch = await Watch.open(
    server,
    () => nowMs,
    (count) => ended.push(count),
  );
  try {
    watch.sawAccepted('a');
    watch.sawAccepted('b');
    const moved = watch.whenMoved(['a']);
    nowMs = 2;
    await redis.publish(events, 'a RUNNING 1 {"step": 1, "of": 2}');
    nowMs = 3;
    // The message also holds the end of another command, which shows that it was processed.
    await redis.publish(events, 'a RUNNING 1 0.5\nb COMPLETED 1');
    while (ended.length === 0) await redis.ping();
    nowMs = 4;
    await redis.publish(events, 'a PENDING 1');
    expect(await moved).toBe(4);
  } finally {
    watch.close();
  }
});
