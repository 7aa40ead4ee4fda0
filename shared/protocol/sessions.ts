import { createHash, randomBytes } from 'node:crypto';

/**
 * A session is one run of an agent's process, and a secret: who knows it may act as that run
 * (docs/decisions/0011-sessions-are-new-and-secret.md).
 */

/**
 * Makes a session that no other run has, whatever its disk holds: `<instance>.<boot>.r<random>`.
 *
 * @param boot orders the runs of one instance: what an earlier one sent late is refused
 */
export const newSession = (instance: string, boot: number) =>
  `${instance}.${boot}.r${randomBytes(8).toString('hex')}`;

/** The run that a session of this form names; undefined for any other session. */
export function runOf(session: string): { readonly instance: string; readonly boot: number } | undefined {
  const [, instance, boot] = /^(.+)\.(\d{1,15})\.r[0-9a-f]{16}$/.exec(session) ?? [];
  return instance === undefined ? undefined : { instance, boot: Number(boot) };
}

/** The boot of a session of this instance, also as earlier versions wrote it; undefined for one that has no order among others. */
export function bootOf(session: string, instance: string): number | undefined {
  const run = runOf(session);
  if (run) return run.instance === instance ? run.boot : undefined;
  if (!session.startsWith(`${instance}.`)) return undefined;
  const boot = session.slice(instance.length + 1);
  return /^\d{1,15}$/.test(boot) ? Number(boot) : undefined;
}

/**
 * Returns the digest of a session, or of an instance, that every reader may see: it distinguishes two of
 * them, and no reader can act by it.
 */
export const shownAs = (secret: string) =>
  secret === '' ? '' : createHash('sha256').update(secret).digest('hex').slice(0, 12);
