import { type Redis } from 'ioredis';
import { redactPasswords } from '../../../shared/runtime/redact.js';
import { unusable } from '../../../shared/store/unusable-redis.js';
import { type Finding, ill, type Look, well } from '../check.js';

/** The first check: when Redis is away or unusable, the others are skipped, and this one alone reports it. */
export const redisAnswers = {
  name: 'redis',
  about: 'Redis answers',
  /** @param lastError the last error of the connection */
  async look(redis: Redis, url: string, lastError: () => Error | undefined): Promise<Look> {
    const shown = redactPasswords(url);
    try {
      await redis.ping();
      return well(shown);
    } catch (error) {
      const fault = unusable(error) ?? unusable(lastError());
      if (fault) return ill(`${shown} cannot be used`, refused(shown, fault.message));
      if (isAnswer(error)) return well(`${shown}: ${error.message}`);
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

/** Any answer at all, if only that PING is not allowed, or refused like a write. */
const isAnswer = (error: unknown): error is Error => error instanceof Error && error.name === 'ReplyError';

/** @param message of an UnusableRedisError, which names the fix as well */
const refused = (shown: string, message: string): Finding => ({
  what: `Redis is there at ${shown}, but cannot be used: ${message}`,
  why: 'servers and agents with this URL refuse to start; nothing is accepted, started or reported',
  mend: 'correct REDIS_URL, or the user in Redis, as it says; npm start runs a Redis of its own',
  commands: ['REDIS_URL=redis://user:password@127.0.0.1:6379/0 npx fencepost doctor'],
});
