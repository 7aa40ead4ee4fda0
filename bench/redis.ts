import { TestRedis } from '../testing/redis-server.js';

/** `everysec` is not safe: what was acknowledged within the last second may be lost. */
export type Fsync = 'always' | 'everysec';

/**
 * A private Redis by the project's own redis.conf. Its file is not rewritten in the background: that would
 * hit one lap of many.
 */
export const startRedis = (fsync: Fsync = 'always') =>
  TestRedis.start({ config: { 'auto-aof-rewrite-percentage': '0', appendfsync: fsync } });

/** Gives `use` a private Redis, which is gone when this settles. */
export async function withRedis<T>(use: (redis: TestRedis) => Promise<T>, fsync?: Fsync): Promise<T> {
  const redis = await startRedis(fsync);
  try {
    return await use(redis);
  } finally {
    await redis.stop();
  }
}
