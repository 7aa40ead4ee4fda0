import { pause } from './service.js';

/**
 * The child's side of `npm start`. Over the IPC channel a child reports that it is ready, and learns
 * that its supervisor died: a killed supervisor cannot stop a child, but its end of the channel closes.
 * Without a parent (`npm run agent`) both functions do nothing.
 */

/** Reports to the parent that this process does its work; `details` are for the parent's log. */
export function reportReady(details: Readonly<Record<string, string | number>> = {}): void {
  if (!process.connected) return;
  // A parent that dies at this moment is noticed by `exitWithParent`.
  process.send?.({ ready: true, ...details }, undefined, undefined, () => undefined);
}

/**
 * Ends this process when its parent is gone: first calls `stop`, and gives it `graceMs`.
 * Call it once, early: a parent that is gone already is noticed too.
 */
export function exitWithParent(stop: () => Promise<void>, graceMs: number): void {
  if (process.send === undefined) return;
  const leave = () => {
    // A failure has no reader any more; the exit is what matters.
    void Promise.race([stop().catch(() => undefined), pause(graceMs)]).finally(() => process.exit(0));
  };
  if (process.connected) process.once('disconnect', leave);
  else leave();
}
