import { type Redis } from 'ioredis';
import { pause } from '../runtime/service.js';
import { unusableDatabase } from './unusable-redis.js';

/** Between two looks at a Redis that loads its data. */
const loadingMs = 50;

type Checked = (error: unknown, info?: unknown) => void;

/**
 * Nothing is sent over a connection, the first one or a later one, before it is signed in, on the
 * database that it is for, and Redis has loaded its data.
 *
 * ioredis alone passes over a SELECT that is refused, and works on database 0; and where INFO is not
 * allowed it writes that as plain text to standard error. So its own check of a new connection is replaced:
 * an error that this check reports ends the connection and everything that waits for it.
 */
export function checkBeforeUse(redis: Redis): void {
  // ioredis looks this method up by name at each connection; its types hide it.
  Object.assign(redis, {
    _readyCheck: (checked: Checked) => {
      examine(redis).then(
        () => checked(null, {}),
        (error: unknown) => checked(error),
      );
    },
  });
}

/** @throws UnusableRedisError when there is no such database, or what ioredis throws */
async function examine(redis: Redis): Promise<void> {
  const { stream, options } = redis;
  const db = options.db ?? 0;
  if (db !== 0) {
    await redis.select(db).catch((error: unknown) => {
      const isAnswer = error instanceof Error && error.name === 'ReplyError';
      throw isAnswer ? unusableDatabase(db, error.message) : error;
    });
  }
  // A broken connection is another one by now, which is checked by itself.
  while (redis.stream === stream && (await isLoading(redis))) await pause(loadingMs);
}

/** Where INFO is not allowed, loading goes unnoticed: whatever is sent is then answered LOADING, and retried. */
async function isLoading(redis: Redis): Promise<boolean> {
  try {
    return /^loading:1/m.test(await redis.info('persistence'));
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOPERM')) return false;
    throw error;
  }
}
