import { readFileSync, readlinkSync, statSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { z } from 'zod';
import { identify, isAlive } from '../shared/runtime/process-identity.js';

/**
 * One run of an agent's process, as its journal remembers it: enough for a later run to prove that its
 * process is dead. The lock on a data directory proves that only where the directory is the one that the
 * run locked, and no copy of it.
 */
export const runSchema = z.object({
  session: z.string().min(1).max(128),
  /** The running kernel: process ids and file numbers mean nothing on another one. */
  kernel: z.string(),
  /** The process namespace: a container has process ids of its own. */
  namespace: z.string(),
  pid: z.int(),
  /** When the process started, in the system's own words. */
  startedAt: z.string(),
  /** The file that it had locked. */
  lock: z.string(),
});
export type Run = z.infer<typeof runSchema>;

/** This process, as a run on the directory whose lock it holds. @param lockPath the file that it has locked */
export function thisRun(session: string, lockPath: string): Run {
  const { pid } = process;
  const startedAt = identify(pid)?.startedAt ?? '';
  return { session, kernel: kernel(), namespace: namespace(), pid, startedAt, lock: fileAt(lockPath) };
}

/**
 * Whether a run's process is certainly dead. False when that cannot be known, as on another machine, after the
 * machine was restarted, or from another container: then the lease decides.
 *
 * @param lockPath the file that the caller has locked
 */
export function isProvedDead(run: Run, lockPath: string): boolean {
  if (run.kernel !== kernel()) return false;
  // The very file that it had locked for as long as it lived: the kernel gives it to one process at a time.
  if (run.lock === fileAt(lockPath)) return true;
  if (run.namespace !== namespace()) return false;
  if (!isAlive(run.pid)) return true;
  const now = identify(run.pid);
  // Alive, and not to be looked at: it may be the same one.
  return now !== undefined && run.startedAt !== '' && now.startedAt !== run.startedAt;
}

function kernel(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // No Linux: the machine. Process ids are compared together with the times at which they started.
    const addresses = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ mac }) => mac));
    return [hostname(), ...[...new Set(addresses)].sort()].join(' ');
  }
}

function namespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/** A file, as long as this kernel runs: a copy has another number, or another time of birth, or is on another device. */
function fileAt(path: string): string {
  const { dev, ino, birthtimeNs } = statSync(path, { bigint: true });
  return `${dev}:${ino}:${birthtimeNs}`;
}
