import { type Redis } from 'ioredis';
import { type AnnouncedType } from '../transport/transport.js';
import { typesKey } from './keys.js';

/**
 * Writes down which command types agents know, so that servers can check payloads at the door.
 *
 * @param which `missing` leaves alone what is announced: agents of two versions must not undo each
 *   other's announcements for ever
 */
export async function announce(
  redis: Redis,
  types: readonly AnnouncedType[],
  which: 'all' | 'missing',
): Promise<void> {
  const write = which === 'all' ? ('hset' as const) : ('hsetnx' as const);
  await Promise.all(
    types.map(({ type, ...rest }) =>
      redis[write](typesKey, type, JSON.stringify({ ...rest, announcedAt: Date.now() })),
    ),
  );
}
