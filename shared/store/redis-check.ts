import { type Redis } from 'ioredis';
import { checkMeta } from './meta.js';
import { describeMissing, grant, readPermissions, type RedisRole } from './permissions.js';
import { unusable, UnusableRedisError } from './unusable-redis.js';

/**
 * Checks a Redis before the first call of a process: that it is one that can be used at all, that
 * its user may do everything that this role does, and that the data are of this version.
 *
 * @returns what works less well because this user may not do it: for people
 * @throws UnusableRedisError, SchemaVersionError: the message says what to do
 * @throws what ioredis throws when Redis is away: ask again
 */
export async function checkRedis(redis: Redis, role: RedisRole): Promise<readonly string[]> {
  try {
    const { missing, limits } = await readPermissions(redis, role);
    if (missing.length > 0) {
      throw new UnusableRedisError(
        `the Redis user of REDIS_URL may not do all that ${role === 'agent' ? 'an agent' : 'a server'} needs: ${describeMissing(missing)}. Allow it: ${grant}`,
      );
    }
    await checkMeta(redis);
    return limits;
  } catch (error) {
    throw unusable(error) ?? error;
  }
}
