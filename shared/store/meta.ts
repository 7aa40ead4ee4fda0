import { type Redis } from 'ioredis';
import { metaKey } from './keys.js';

/** Fixed when the first server starts on a Redis: changing either means moving every key. */
export const meta = { schemaVersion: '1', partitions: '1' } as const;

/** This Redis holds the data of another Fencepost. The message shows the way forward. */
export class SchemaVersionError extends Error {
  override readonly name = 'SchemaVersionError';
}

/**
 * Checks that this Redis holds what this program can read, and claims a Redis that holds nothing yet.
 *
 * @throws SchemaVersionError when another version, or another number of partitions, is at home there
 * @throws what ioredis throws when Redis is away or full
 */
export async function checkMeta(redis: Redis): Promise<void> {
  const names = Object.keys(meta) as (keyof typeof meta)[];
  let found = await read(redis, names);
  // Read first: a full Redis refuses HSETNX even where it would change nothing.
  if (found.includes(null)) {
    // Two that start together agree on whatever was set first.
    await Promise.all(names.map((name) => redis.hsetnx(metaKey, name, meta[name])));
    found = await read(redis, names);
  }
  const differing = names.flatMap((name, i) =>
    found[i] === meta[name] ? [] : [`${name} ${found[i]} instead of ${meta[name]}`],
  );
  if (differing.length > 0) {
    throw new SchemaVersionError(
      `this Redis belongs to another Fencepost: ${metaKey} says ${differing.join(' and ')}. ` +
        'Start the version that wrote it, or give this one a Redis of its own (REDIS_URL, for example redis://127.0.0.1:6379/1).',
    );
  }
}

async function read(redis: Redis, names: string[]): Promise<(string | null)[]> {
  try {
    return await redis.hmget(metaKey, ...names);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('WRONGTYPE')) throw error;
    throw new SchemaVersionError(
      `${metaKey} in this Redis is no hash, so something else put it there. ` +
        'Delete that key if nothing needs it, or give Fencepost a Redis of its own (REDIS_URL).',
    );
  }
}
