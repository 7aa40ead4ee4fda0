import { pause } from '../../shared/runtime/service.js';
import { type Pause } from '../../testing/client-log.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { type Dice } from '../dice.js';
import { queues } from '../load.js';
import { type Scene, type Strike } from './strike.js';

const keys = partitionKeys();

/** Servers guarantee an answer within 2 s. */
const answerMs = 2000;
/**
 * How long a call without an answer may still be carried out, since servers give it 2 s by the clock of Redis.
 * An operator who asks for the opposite before that cannot know which of the two is in force.
 */
const lateMs = 2500;

/**
 * Pauses a queue as an operator does, and resumes it later: no fault, and nothing may be started from it
 * between the two. Whatever else breaks meanwhile, both calls are repeated until they were answered.
 */
export const pauseQueue: Strike = async (scene, { kind, event, dice }) => {
  const queue = dice.shuffled(queues).find((one) => !scene.pausedQueues.has(one));
  if (queue === undefined) return;
  scene.pausedQueues.add(queue);
  try {
    const open = scene.faults.begin({ kind, target: queue, event });
    const lastsMs = lengthOf(scene, dice);
    const paused = await insist(scene, dice, `queues/${queue}/pause`);
    const noted: Pause = { queue, answeredAtMs: Date.now() };
    scene.clients.pauses.push(noted);
    const { redis } = scene.arena;
    const [isPaused, waiting] = await Promise.all([
      redis.hexists(keys.paused, queue),
      redis.xlen(keys.stream(queue)),
    ]);
    if (isPaused === 1) open.verified(`paused, with ${waiting} on its stream`, []);
    await pause(lastsMs, scene.over);
    if (paused.wasUnanswered) await pause(lateMs);
    noted.resumedAtMs = Date.now();
    const resumed = await insist(scene, dice, `queues/${queue}/resume`);
    if (resumed.wasUnanswered) await pause(lateMs);
    open.healed();
  } finally {
    scene.pausedQueues.delete(queue);
  }
};

/** Most are short: the clients wait for what they submitted. */
function lengthOf({ leaseMs }: Scene, dice: Dice): number {
  return dice.chance(0.7) ? dice.between(50, 800) : dice.between(leaseMs, Math.round(1.5 * leaseMs));
}

/** Asks servers, one after another, until one has answered 200. @returns whether some call had no clear answer */
async function insist(
  { arena }: Scene,
  dice: Dice,
  path: string,
): Promise<{ readonly wasUnanswered: boolean }> {
  const servers = dice.shuffled(arena.servers);
  let wasUnanswered = false;
  for (let tries = 0; ; tries++) {
    const server = servers[tries % servers.length];
    if (!server) throw new Error('there is no server to ask');
    try {
      const signal = AbortSignal.timeout(answerMs);
      const { status } = await fetch(new URL(path, server.url), { method: 'POST', signal });
      if (status === 200) return { wasUnanswered };
      // A server that was frozen while the request came in may answer 408.
      if (status < 500 && status !== 408) throw new Refused(`${path} was answered ${status}`);
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    wasUnanswered = true;
    await pause(50);
  }
}

/** An answer that no operator should ever get. */
class Refused extends Error {
  override readonly name = 'Refused';
}
