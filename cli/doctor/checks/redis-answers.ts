import { type Redis } from 'ioredis';
import { redactPasswords } from '../../../shared/runtime/redact.js';
import { ill, type Look, well } from '../check.js';

/** The first look: whatever else is wrong with Redis is told by it alone. */
export const redisAnswers = {
  name: 'redis',
  about: 'Redis answers',
  /** @param lastError what the connection last said */
  async look(redis: Redis, url: string, lastError: () => Error | undefined): Promise<Look> {
    const shown = redactPasswords(url);
    try {
      await redis.ping();
      return well(shown);
    } catch (error) {
      const { message } = lastError() ?? (error instanceof Error ? error : new Error(String(error)));
      return ill(`no answer from ${shown}`, {
        what: `Redis does not answer at ${shown}: ${redactPasswords(message)}`,
        why: 'nothing is accepted, started or reported while it is away; agents finish what they have, and journal its outcome',
        mend: 'start it again on the same data; or name the right one in REDIS_URL, with its user and password if it wants them. npm start runs one of its own, and says where',
        commands: ['npm start', 'REDIS_URL=redis://127.0.0.1:6379 npx fencepost doctor'],
      });
    }
  },
} as const;
