/** This Redis cannot be used, and waiting does not help. The message explains what to do, and holds no password. */
export class UnusableRedisError extends Error {
  override readonly name = 'UnusableRedisError';
}

/** @param db the number that REDIS_URL names @param answer what Redis answered to SELECT */
export function unusableDatabase(db: number, answer: string): UnusableRedisError {
  const what = `REDIS_URL names database ${db}, which Redis refuses (${answer})`;
  if (/cluster/i.test(answer)) return new UnusableRedisError(`${what}. ${noCluster}`);
  const mend = answer.startsWith('NOPERM')
    ? 'allow it: ACL SETUSER <user> +select; or name database 0'
    : 'name one that it has, or raise `databases` in its configuration';
  return new UnusableRedisError(`${what}: ${mend}`);
}

const noCluster =
  'This is a Redis Cluster, and Fencepost needs a single Redis, or a primary with its replicas';

/**
 * Interprets an answer for a process that starts: the fault that no waiting fixes, or undefined when it may
 * pass. To a process that was connected before, all of these may pass: a password is being changed,
 * or the address is given to another Redis.
 */
export function unusable(error: unknown): UnusableRedisError | undefined {
  if (error instanceof UnusableRedisError) return error;
  const answer = error instanceof Error ? error.message : '';
  if (/^(MOVED|ASK) /.test(answer)) return new UnusableRedisError(`${noCluster} (it answers ${answer})`);
  if (answer.startsWith('NOAUTH')) {
    return new UnusableRedisError(
      `Redis asks for a password, and REDIS_URL names none (${answer}): write redis://:password@host:port, or redis://user:password@host:port`,
    );
  }
  if (/^WRONGPASS\b/.test(answer)) {
    return new UnusableRedisError(
      `Redis does not accept the user or the password of REDIS_URL (${answer}): correct it there, or with ACL SETUSER`,
    );
  }
  return undefined;
}
