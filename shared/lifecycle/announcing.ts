import { type Redis } from 'ioredis';
import { z } from 'zod';
import { digestOfType, textOfType } from '../protocol/type-digest.js';
import { typesKey } from '../store/keys.js';
import { type AnnouncedType } from '../transport/transport.js';
import { callScript } from './scripts.js';

const wordsSchema = z.tuple([z.number(), z.array(z.enum(['ok', 'differs', 'broken']))]);

/**
 * Writes down which command types an agent knows, so that servers can check payloads at the door.
 *
 * @returns the names of those of which others announce another version
 */
export async function announce(redis: Redis, types: readonly AnnouncedType[]): Promise<string[]> {
  if (types.length === 0) return [];
  const items = types.flatMap((type) => [type.type, digestOfType(type), textOfType(type)]);
  const [, words] = wordsSchema.parse(
    await callScript(redis, 'announce', typesKey, [types.length, ...items]),
  );
  if (words.includes('broken')) throw new Error(`${typesKey} holds what Fencepost did not put there`);
  return types.filter((_, i) => words[i] === 'differs').map(({ type }) => type);
}
