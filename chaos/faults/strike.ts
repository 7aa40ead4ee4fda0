import { pause } from '../../shared/runtime/service.js';
import { type Actor } from '../actor.js';
import { type Arena } from '../arena.js';
import { type Dice } from '../dice.js';
import { type FaultLog } from '../fault-log.js';
import { type ClientLog } from '../../testing/client-log.js';
import { type Line } from '../lines.js';
import { type PlannedFault } from '../schedule.js';
import { type Watch } from '../watch.js';
import { type WireTally } from '../wire-tally.js';

/** The inputs of every fault. */
export interface Scene {
  readonly arena: Arena;
  readonly watch: Watch;
  readonly faults: FaultLog;
  readonly tally: WireTally;
  readonly leaseMs: number;
  /** Aborted when the round is over: whatever is hurt then heals at once. */
  readonly over: AbortSignal;
  /** Links on which a fault is active. */
  readonly takenLines: Set<Line>;
  /** Queues that an operator has paused, or is about to. */
  readonly pausedQueues: Set<string>;
  /** The log of the clients, which records the answers to operators as well. */
  readonly clients: ClientLog;
}

/** Injects a fault, sees that it happened, and heals it. */
export type Strike = (scene: Scene, fault: PlannedFault) => Promise<void>;

/**
 * Takes the first process, in random order, on which no other fault is active and which has work in flight;
 * failing that, the first that is free.
 */
export async function takeActor<A extends Actor>(
  { arena }: Scene,
  actors: readonly A[],
  dice: Dice,
): Promise<{ readonly actor: A; readonly inFlight: readonly string[] } | undefined> {
  const free: A[] = [];
  for (const actor of dice.shuffled(actors)) {
    if (actor.taken || !actor.running) continue;
    actor.taken = true;
    free.push(actor);
    const inFlight = await arena.inFlightAt(actor);
    if (inFlight.length === 0) continue;
    for (const other of free) if (other !== actor) other.release();
    return { actor, inFlight };
  }
  const [first, ...others] = free;
  for (const other of others) other.release();
  return first && { actor: first, inFlight: [] };
}

/** Takes a link on which no other fault is active: one with work behind it, if there is one. */
export async function takeLine(
  { arena, takenLines }: Scene,
  dice: Dice,
): Promise<{ readonly line: Line; readonly actor: Actor } | undefined> {
  let idle: { readonly line: Line; readonly actor: Actor } | undefined;
  for (const actor of dice.shuffled(arena.actors)) {
    const line = usedLine(actor, takenLines);
    if (!line || !actor.running) continue;
    takenLines.add(line);
    const inFlight = await arena.inFlightAt(actor);
    if (inFlight.length > 0) {
      if (idle) takenLines.delete(idle.line);
      return { line, actor };
    }
    if (idle) takenLines.delete(line);
    else idle = { line, actor };
  }
  return idle;
}

/** An agent over HTTP stays with one server as long as that answers: the other lines are idle. */
function usedLine({ lines }: Actor, taken: ReadonlySet<Line>): Line | undefined {
  const [line] = [...lines].sort((a, b) => b.traffic.usedMs - a.traffic.usedMs);
  return line && !taken.has(line) ? line : undefined;
}

const lookMs = 5;

/** Polls a condition that gives no event. @returns whether it became true in that time */
export async function comesTrue(
  { over }: Scene,
  withinMs: number,
  holds: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    if (await holds()) return true;
    if (over.aborted || performance.now() > deadline) return false;
    await pause(lookMs, over);
  }
}
