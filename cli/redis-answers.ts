import { setTimeout as pause } from 'node:timers/promises';
import { connectCommands } from '../shared/store/connection.js';
import { unusable } from '../shared/store/unusable-redis.js';

/**
 * Resolves when this Redis answers a PING and has loaded its data.
 *
 * @throws Error with the last reason, when `signal` is aborted first; UnusableRedisError when waiting does not help
 */
export async function untilRedisAnswers(url: string, signal: AbortSignal): Promise<void> {
  let reason: unknown = new Error('no answer');
  const redis = connectCommands(url, { onError: (error) => (reason = error) });
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });
  aborted.catch(() => undefined);
  try {
    for (;;) {
      signal.throwIfAborted();
      const answered = redis.ping().then(
        () => true,
        (error: unknown) => {
          const hopeless = unusable(error);
          if (hopeless) throw hopeless;
          // Refused, but by a Redis that is there.
          if (error instanceof Error && /^(NOPERM|MISCONF)\b/.test(error.message)) return true;
          // A refusal by Redis itself explains more than the loss of the connection.
          if (error instanceof Error && error.name === 'ReplyError') reason = error;
          return false;
        },
      );
      if (await Promise.race([answered, aborted])) return;
      await pause(50);
    }
  } catch (error) {
    throw signal.aborted ? reason : error;
  } finally {
    redis.disconnect();
  }
}
