import { type Redis } from 'ioredis';
import { z } from 'zod';
import { schemaLimits } from '../protocol/bounds.js';
import { digestOfType, textOfType } from '../protocol/type-digest.js';
import { BrokenCommand } from '../store/command-reader.js';
import { typesKey } from '../store/keys.js';
import { type AnnouncedType } from '../protocol/command-types.js';
import { callScript } from './scripts.js';

const wordsSchema = z.tuple([z.number(), z.array(z.enum(['ok', 'differs', 'broken', 'large', 'full']))]);

/** A type could not be announced; others of the same call were. What to do about it stands in the message. */
export class NotAnnounced extends Error {
  override readonly name = 'NotAnnounced';
}

/**
 * Announces the command types that an agent knows, so that servers can check payloads at submission.
 *
 * @returns the names of those of which others announce another version
 * @throws NotAnnounced for those that are too large, or for which there is no room
 */
export async function announce(redis: Redis, types: readonly AnnouncedType[]): Promise<string[]> {
  if (types.length === 0) return [];
  const items = types.flatMap((type) => [type.type, digestOfType(type), textOfType(type)]);
  const [, words] = wordsSchema.parse(
    await callScript(redis, 'announce', typesKey, [types.length, ...items]),
  );
  if (words.includes('broken'))
    throw new BrokenCommand(typesKey, 'it holds what Fencepost did not put there');
  const large = namesOf(types, words, 'large');
  if (large.length > 0) {
    const most = `${schemaLimits.bytes} bytes of JSON are the most for payload and result together`;
    throw new NotAnnounced(`the schemas of ${large.join(', ')} are too large to be announced: ${most}`);
  }
  const full = namesOf(types, words, 'full');
  if (full.length > 0) {
    throw new NotAnnounced(
      `there is no room to announce ${full.join(', ')}: agents announce 1000 versions of command types, or 2 MiB, already. There is when an agent that announces others has been gone for two minutes`,
    );
  }
  return types.filter((_, i) => words[i] === 'differs').map(({ type }) => type);
}

const namesOf = (types: readonly AnnouncedType[], words: readonly string[], word: string) =>
  types.flatMap(({ type }, i) => (words[i] === word ? [type] : [])).slice(0, 20);
