import { type TrailAttempt, type Trails } from '../trails.js';
import { type Fault, type Say } from './invariant.js';

/** So long before, an attempt may have been lost whose outcome came to the disk only now, too late. */
const tooLateMs = 5000;

/**
 * An agent that died with an outcome on its disk, and then settled itself what it had, has reported that
 * outcome first: what it settled is not all that it had.
 */
export function journalsAreReported(trails: Trails, faults: readonly Fault[], say: Say): void {
  for (const fault of faults) {
    if (!fault.journalled) continue;
    const had: { commandId: string; attempt: TrailAttempt }[] = [];
    let isInDoubt = false;
    for (const { commandId, attempts } of trails.all()) {
      for (const attempt of attempts) {
        if (!fault.agents?.includes(attempt.agentId)) continue;
        if (isRunning(attempt, fault.fromMs)) had.push({ commandId, attempt });
        isInDoubt ||= wasLostBefore(attempt, fault.fromMs);
      }
    }
    const [first] = had;
    const isForgotten = had.every(({ attempt }) => attempt.end === 'lost' && attempt.recovered !== true);
    if (first && isForgotten && !isInDoubt)
      say(first.commandId, 'its agent lost all that it had, although it had an outcome on its disk', {
        fault,
        had,
      });
  }
}

const isRunning = ({ fromMs, toMs = Infinity }: TrailAttempt, atMs: number) => fromMs <= atMs && toMs >= atMs;

const wasLostBefore = ({ end, toMs = Infinity }: TrailAttempt, atMs: number) =>
  end === 'lost' && toMs < atMs && toMs > atMs - tooLateMs;
