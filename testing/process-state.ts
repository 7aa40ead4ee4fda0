import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** There is no event for it: the kernel notifies the parent, but Node does not pass it on. */
const pollMs = 5;

/** A `TestProcess`, or a Redis, which has no output to show. */
export interface Observed {
  readonly pid: number;
  readonly output?: string;
}

/** Resolves when the kernel has stopped every thread of this process. Rejects when it has ended instead. */
export async function untilFrozen(process: Observed): Promise<void> {
  while ((await stateOf(process)) !== 'T') await delay(pollMs);
}

/** `R`, `S`, `T` …: `man 5 proc`. */
async function stateOf({ pid, output = '' }: Observed): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => {
    throw new Error(`process ${pid} is gone\n${output.slice(-4000)}`);
  });
  // The name before it is in brackets, and may hold anything.
  return stat.slice(stat.lastIndexOf(')') + 2)[0];
}

/** Not one that is dead and waits for its parent to take note. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    const hasProc = existsSync('/proc/self/stat');
    return !hasProc || !/^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
