import { z } from 'zod';
import { identify, isAlive } from '../shared/runtime/process-identity.js';
import { pause } from '../shared/runtime/service.js';

/** A process as written down for a later start. The time of its start tells it from a stranger that got its pid. */
export const processRecordSchema = z.object({ pid: z.int().min(1), startedAt: z.string() });
export type ProcessRecord = z.infer<typeof processRecordSchema>;

export function recordProcess(pid: number): ProcessRecord {
  return { pid, startedAt: identify(pid)?.startedAt ?? '' };
}

/** Whether that very process still runs. In doubt it does not: nobody may signal a stranger. */
export function isStillRunning({ pid, startedAt }: ProcessRecord): boolean {
  return startedAt !== '' && isAlive(pid) && identify(pid)?.startedAt === startedAt;
}

/** Sends a signal to that very process, or to nobody. */
export function signalRecorded(record: ProcessRecord, signal: NodeJS.Signals): void {
  if (isStillRunning(record)) process.kill(record.pid, signal);
}

/** Waits until it has ended. Returns whether it has; an abort ends the wait. */
export async function untilGone(
  record: ProcessRecord,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  // It is not our child, so nothing tells us of its end: we have to look.
  const deadline = performance.now() + timeoutMs;
  while (isStillRunning(record)) {
    if (signal.aborted || performance.now() >= deadline) return false;
    await pause(20, signal);
  }
  return true;
}
