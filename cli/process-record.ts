import { z } from 'zod';
import { identify, isAlive } from '../shared/runtime/process-identity.js';
import { pause } from '../shared/runtime/service.js';

/** A process as recorded for a later start. The start time distinguishes it from an unrelated one with the same pid. */
export const processRecordSchema = z.object({ pid: z.int().min(1), startedAt: z.string() });
export type ProcessRecord = z.infer<typeof processRecordSchema>;

export function recordProcess(pid: number): ProcessRecord {
  return { pid, startedAt: identify(pid)?.startedAt ?? '' };
}

/** Whether that very process still runs. False in doubt: an unrelated process must never be signalled. */
export function isStillRunning({ pid, startedAt }: ProcessRecord): boolean {
  return startedAt !== '' && isAlive(pid) && identify(pid)?.startedAt === startedAt;
}

/** Sends a signal to that very process, or to none. */
export function signalRecorded(record: ProcessRecord, signal: NodeJS.Signals): void {
  if (isStillRunning(record)) process.kill(record.pid, signal);
}

/** Waits until it has ended. Returns whether it has; an abort ends the wait. */
export async function untilGone(
  record: ProcessRecord,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  // The process is not our child, so we are not notified of its end and have to poll.
  const deadline = performance.now() + timeoutMs;
  while (isStillRunning(record)) {
    if (signal.aborted || performance.now() >= deadline) return false;
    await pause(20, signal);
  }
  return true;
}
