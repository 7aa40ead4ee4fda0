import { pause } from '../../shared/runtime/service.js';
import { untilFrozen } from '../../testing/process-state.js';
import { type Actor, AgentActor, ServerActor } from '../actor.js';
import { type Dice } from '../dice.js';
import { endingOf } from '../endings.js';
import { type FaultKind } from '../record.js';
import { type Arm, type PlannedFault } from '../schedule.js';
import { type Scene, type Strike, takeActor } from './strike.js';

/** How often an agent that died never comes back, and another takes its place. */
const goneForGood = 0.15;
/** How often one comes back under its name, but without its data directory. */
const withoutData = 0.15;
const longestAwayMs = 600;

/** SIGKILL to an agent, which is then started again on its data, or is gone for good. */
export const killAgent: Strike = (scene, fault) => kill(scene, scene.arena.agents, fault);

export const killServer: Strike = (scene, fault) => kill(scene, scene.arena.servers, fault);

/**
 * Far beyond the grace period and the time to deregister, also while Redis is away: a process that takes longer
 * hangs.
 */
const longestStopMs = 20_000;

/** A deploy: SIGTERM in the middle of its work, and started again. */
export const stopAgent: Strike = async (scene, { kind, event, dice }) => {
  const taken = await takeActor(scene, scene.arena.agents, dice);
  if (!taken) return;
  const { actor, inFlight } = taken;
  const open = scene.faults.begin({ kind, target: actor.name, event });
  actor.process.kill('SIGTERM');
  const patience = { isOver: false };
  const timer = setTimeout(() => {
    patience.isOver = true;
    actor.process.kill('SIGKILL');
  }, longestStopMs);
  // The agent may freeze itself at its armed point, and nothing else looks after it now.
  const thawing = setInterval(() => actor.process.kill('SIGCONT'), 200);
  const { code, signal } = await actor.process.exited;
  clearTimeout(timer);
  clearInterval(thawing);
  open.verified(`SIGTERM, then exit ${signal === null ? `with ${code}` : `by ${signal}`}`, inFlight);
  await startAgain(scene, actor, dice);
  open.healed();
  if (patience.isOver) throw new Error(`${actor.name} did not end within ${longestStopMs} ms of SIGTERM`);
};

export const freezeAgent: Strike = (scene, fault) => freeze(scene, scene.arena.agents, fault);

export const freezeServer: Strike = (scene, fault) => freeze(scene, scene.arena.servers, fault);

async function kill(
  scene: Scene,
  actors: readonly Actor[],
  { kind, event, dice }: PlannedFault,
): Promise<void> {
  const taken = await takeActor(scene, actors, dice);
  if (taken) await killTaken(scene, taken, { kind, event, dice });
}

/** Kills a process that the caller has taken, and releases it when it was started again. */
export async function killTaken(
  scene: Scene,
  { actor, inFlight }: { readonly actor: Actor; readonly inFlight: readonly string[] },
  { kind, event, dice }: Pick<PlannedFault, 'kind' | 'event' | 'dice'>,
): Promise<void> {
  const open = scene.faults.begin({ kind, target: actor.name, event });
  actor.process.kill('SIGKILL');
  const { signal } = await actor.process.exited;
  // Commands of an agent are still pending under its name; requests at a server went with its connections.
  const left = actor instanceof ServerActor ? inFlight : await scene.arena.inFlightAt(actor);
  if (signal === 'SIGKILL') open.verified('exit by SIGKILL', left);
  await startAgain(scene, actor, dice);
  open.healed();
}

async function startAgain(scene: Scene, actor: Actor, dice: Dice): Promise<void> {
  if (actor instanceof AgentActor) {
    const fate = dice.next();
    if (fate < goneForGood) actor.replace();
    else if (fate < goneForGood + withoutData) actor.loseData();
  }
  await startAfter(scene, actor, dice.between(0, longestAwayMs));
}

async function startAfter({ over }: Scene, actor: Actor, awayMs: number): Promise<void> {
  await pause(awayMs, over);
  await actor.start({ armed: !over.aborted });
  actor.release();
  await actor.ready;
}

async function freeze(
  scene: Scene,
  actors: readonly Actor[],
  { kind, event, dice }: PlannedFault,
): Promise<void> {
  const taken = await takeActor(scene, actors, dice);
  if (!taken) return;
  const { actor } = taken;
  const open = scene.faults.begin({ kind, target: actor.name, event });
  try {
    if (!(await stopsTurning(actor))) return open.withdraw();
    open.verified('state T', await scene.arena.inFlightAt(actor));
    await pause(frozenFor(scene, dice), scene.over);
  } finally {
    actor.process.kill('SIGCONT');
    open.healed();
    actor.release();
  }
}

/** @returns false when it ended at that very moment, for example at its armed point: that end is handled on its own */
async function stopsTurning({ process }: Actor): Promise<boolean> {
  const ended = process.exited.then(() => false);
  process.kill('SIGSTOP');
  return untilFrozen(process).then(
    () => true,
    () => ended,
  );
}

/** Most wake up in time; the others find that the world went on without them. */
function frozenFor({ leaseMs }: Scene, dice: Dice): number {
  if (dice.chance(0.55)) return dice.between(50, 600);
  return dice.between(Math.round(1.2 * leaseMs), Math.round(2 * leaseMs));
}

const killedAtPoint = (actor: Actor): FaultKind =>
  actor instanceof AgentActor ? 'agent killed at a point' : 'server killed at a point';

/**
 * Handles a process that ended without having been killed by the harness: at its armed point, because its dead
 * predecessor seemed to hold its name, or for a reason of its own, which is an error of the run. It is started
 * again in all cases.
 *
 * @returns what was wrong, if something was
 */
export async function lookAfterEnded(
  scene: Scene,
  actor: Actor,
  arm: Arm | null,
  dice: Dice,
): Promise<string | null> {
  actor.taken = true;
  const { process, refusals } = actor;
  const exit = await process.exited;
  const ending = endingOf({ exit, lines: process.lines, arm, refusals });
  if (arm && ending === 'as armed') {
    const inFlight =
      actor instanceof ServerActor
        ? [...actor.underWay, ...actor.brokenJustNow]
        : await scene.arena.inFlightAt(actor);
    const event = scene.watch.ended;
    const open = scene.faults.begin({
      kind: killedAtPoint(actor),
      target: actor.name,
      point: arm.point,
      event,
    });
    open.verified('exit by SIGKILL', inFlight);
    await startAgain(scene, actor, dice);
    open.healed();
    return null;
  }
  if (ending === 'refused its name') {
    actor.refusals = (refusals ?? 0) + 1;
    // The agent is started on the data that it has by now, as the same agent that was refused.
    await startAfter(scene, actor, scene.leaseMs / 2);
    return null;
  }
  await startAgain(scene, actor, dice);
  return `${actor.name} ended by itself (${exit.signal ?? exit.code}): ${process.lines.slice(-3).join(' | ').slice(-600)}`;
}

/** Handles an agent that froze itself at its armed point. */
export async function lookAfterFrozen(scene: Scene, actor: Actor, arm: Arm, dice: Dice): Promise<void> {
  actor.taken = true;
  const event = scene.watch.ended;
  const kind = 'agent frozen at a point';
  const open = scene.faults.begin({ kind, target: actor.name, point: arm.point, event });
  try {
    await untilFrozen(actor.process);
    open.verified('state T', await scene.arena.inFlightAt(actor));
    await pause(frozenFor(scene, dice), scene.over);
  } finally {
    actor.arm = null;
    actor.process.kill('SIGCONT');
    open.healed();
    actor.release();
  }
}
