import { type Redis } from 'ioredis';
import { redactPasswords } from '../../../shared/runtime/redact.js';
import { unusable } from '../../../shared/store/unusable-redis.js';
import { type Finding, fail, type CheckResult, pass } from '../check.js';

/** The first check: when Redis is away or unusable, the others are skipped, and this one alone reports it. */
export const redisAnswers = {
  name: 'redis',
  about: 'Redis answers',
  /** @param lastError the last error of the connection */
  async run(redis: Redis, url: string, lastError: () => Error | undefined): Promise<CheckResult> {
    const shown = redactPasswords(url);
    try {
      await redis.ping();
      return pass(shown);
    } catch (error) {
      const fault = unusable(error) ?? unusable(lastError());
      if (fault) return fail(`${shown} cannot be used`, refused(shown, fault.message));
      if (isAnswer(error)) return pass(`${shown}: ${error.message}`);
      const { message } = lastError() ?? (error instanceof Error ? error : new Error(String(error)));
      return fail(`no answer from ${shown}`, {
        problem: `Redis does not answer at ${shown}: ${redactPasswords(message)}`,
        impact:
          'nothing is accepted, started or reported while it is away; agents finish the commands in flight, and journal their outcomes',
        fix: 'start it again on the same data; or name the right one in REDIS_URL, with its user and password if it requires them. npm start runs one of its own, and prints its address',
        commands: ['npm start', 'REDIS_URL=redis://127.0.0.1:6379 npx fencepost doctor'],
      });
    }
  },
} as const;

/** Any answer at all, if only that PING is not allowed, or refused like a write. */
const isAnswer = (error: unknown): error is Error => error instanceof Error && error.name === 'ReplyError';

/** @param message of an UnusableRedisError, which names the fix as well */
const refused = (shown: string, message: string): Finding => ({
  problem: `Redis answers at ${shown}, but cannot be used: ${message}`,
  impact: 'servers and agents with this URL refuse to start; nothing is accepted, started or reported',
  fix: 'correct REDIS_URL, or the user in Redis, as this message states; npm start runs a Redis of its own',
  commands: ['REDIS_URL=redis://user:password@127.0.0.1:6379/0 npx fencepost doctor'],
});
