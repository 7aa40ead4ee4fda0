import { pause } from '../../shared/runtime/service.js';
import { type AwaitedCall, type LateCall, type StruckCall } from '../lines.js';
import { type Actor } from '../actor.js';
import { type PlannedFault } from '../schedule.js';
import { killTaken } from './processes.js';
import { type Scene, type Strike, takeLine } from './strike.js';

/** How long a call is waited for; renewals come every third of a lease. */
const longestWait = (leaseMs: number) => Math.max(1500, leaseMs);

async function struck(scene: Scene, awaited: AwaitedCall): Promise<StruckCall | undefined> {
  const waiting = new AbortController();
  const stop = () => waiting.abort();
  scene.over.addEventListener('abort', stop, { once: true });
  const call = await Promise.race([
    awaited.struck,
    pause(longestWait(scene.leaseMs), waiting.signal).then(() => undefined),
  ]);
  stop();
  scene.over.removeEventListener('abort', stop);
  awaited.forget();
  return call;
}

/** A chosen call is carried out, its reply is lost, and its connection breaks. */
export const loseReply: Strike = async (scene, { kind, event, dice }) => {
  const taken = await takeLine(scene, dice);
  if (!taken) return;
  const { line, actor } = taken;
  const call = dice.oneOf(line.calls);
  const open = scene.faults.begin({ kind, target: line.name, point: call, event });
  const before = line.traffic.dropped;
  try {
    const hit = await struck(scene, line.loseReply(call));
    if (!hit) return open.withdraw();
    // With the connection goes everything that was under way on it.
    const inFlight = [...hit.commandIds, ...(await scene.arena.inFlightAt(actor))];
    open.verified(`${line.traffic.dropped - before} bytes dropped`, inFlight);
  } finally {
    open.healed();
    scene.takenLines.delete(line);
  }
};

/** A chosen request is held back, its sender gives up or dies, and then it arrives. */
export const delayRequest: Strike = async (scene, { kind, event, dice }) => {
  const taken = await takeLine(scene, dice);
  if (!taken) return;
  const { line, actor } = taken;
  const call = dice.weighed(line.calls.map((name) => [name, starts.has(name) ? 2 : 1] as const));
  const open = scene.faults.begin({ kind, target: line.name, point: call, event });
  const late = line.holdRequest(call);
  try {
    const hit = await struck(scene, late);
    if (!hit) return open.withdraw();
    const heldAt = performance.now();
    const inFlight = [...hit.commandIds, ...(await scene.arena.inFlightAt(actor))];
    if (!(dice.chance(dies) && (await killSender(scene, late, hit, actor, { event, dice }))))
      await giveUp(scene, late, dice.chance(0.7) ? dice.between(0, 200) : dice.between(1600, 2500));
    // Long enough that it was sent again; sometimes long enough that its command went elsewhere.
    const most = dice.chance(0.6) ? 500 : Math.round(1.5 * scene.leaseMs);
    await pause(dice.between(50, most), scene.over);
    // A Redis or a server that is away loses it for good.
    const delivery = await late.deliver().catch(() => undefined);
    if (!delivery) return open.verified('held, and lost with what it was for', inFlight);
    const lateMs = Math.round(performance.now() - heldAt);
    if (delivery.refused) scene.tally.lateRequestRefused();
    open.verified(`delivered ${lateMs} ms late, answered ${delivery.answer.slice(0, 60)}`, inFlight);
  } finally {
    open.healed();
    scene.takenLines.delete(line);
  }
};

/** The calls that are worst when they come late: they would start something. */
const starts: ReadonlySet<string> = new Set(['start', 'next']);
/** How often the agent of a late request has died meanwhile, and its next session is there before it. */
const dies = 0.5;

/** @returns false when it cannot be killed now */
async function killSender(
  scene: Scene,
  late: LateCall,
  { agentId }: StruckCall,
  sender: Actor,
  { event, dice }: Pick<PlannedFault, 'event' | 'dice'>,
): Promise<boolean> {
  const agent = scene.arena.agents.find((one) => one === sender || one.identity === agentId);
  if (!agent || agent.taken || !agent.running) return false;
  agent.taken = true;
  // A server goes on, and asks again.
  if (agent !== sender) late.abandon();
  const inFlight = await scene.arena.inFlightAt(agent);
  await killTaken(scene, { actor: agent, inFlight }, { kind: 'agent killed', event, dice });
  return true;
}

async function giveUp(scene: Scene, late: LateCall, afterMs: number): Promise<void> {
  await pause(afterMs, scene.over);
  late.abandon();
}
