import { type TrailAttempt, type Trails } from '../trails.js';
import { type Fault, type Say } from './invariant.js';

/**
 * So long before its agent died, recovery may have taken an attempt whose outcome came to the disk only
 * then, and was reported too late.
 */
const tooLateMs = 10_000;

interface Had {
  readonly commandId: string;
  readonly attempt: TrailAttempt;
}

/**
 * An agent that died with an outcome on its disk, and then settled itself what it had, has reported that
 * outcome first: what it settled is not all that it had.
 */
export function journalsAreReported(trails: Trails, faults: readonly Fault[], say: Say): void {
  const all = [...trails.all()].flatMap(({ commandId, attempts }) =>
    attempts.map((attempt): Had => ({ commandId, attempt })),
  );
  for (const fault of faults) {
    if (!fault.journalled) continue;
    const had = all.filter(
      ({ attempt }) => fault.agents?.includes(attempt.agentId) && isRunning(attempt, fault.fromMs),
    );
    const [first] = had;
    const isForgotten = had.every(({ attempt }) => attempt.end === 'lost' && attempt.recovered !== true);
    if (!first || !isForgotten) continue;
    const sessions = new Set(had.map(({ attempt }) => attempt.session));
    const isInDoubt = all.some(
      ({ attempt }) => sessions.has(attempt.session) && wasRecovered(attempt, fault.fromMs),
    );
    if (!isInDoubt)
      say(first.commandId, 'its agent lost all that it had, although it had an outcome on its disk', {
        fault,
        had,
      });
  }
}

const isRunning = ({ fromMs, toMs = Infinity }: TrailAttempt, atMs: number) => fromMs <= atMs && toMs >= atMs;

const wasRecovered = ({ recovered, toMs = Infinity }: TrailAttempt, atMs: number) =>
  recovered === true && toMs < atMs && toMs > atMs - tooLateMs;
