import { pause } from '../../../shared/runtime/service.js';
import { group } from '../../../shared/store/keys.js';
import { type Check, type Finding, fail } from '../check.js';
import { type Snapshot } from '../snapshot.js';
import { readEntries, readTookAgo } from '../queue-streams.js';
import { type Registered } from '../registrations.js';

/** How long an entry may wait beside a free agent before that agent counts as unresponsive. */
const deafMs = 10_000;
/** Between two looks: an agent takes what waits within some milliseconds. */
const secondLookMs = 1000;

const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;

export const agents: Check = {
  name: 'agents',
  about: 'agents are live, and take waiting commands',
  needs: ['redis'],
  async run(snapshot) {
    const all = await snapshot.agents();
    const live = all.filter(({ isLive }) => isLive);
    const drained = live.filter(({ isDraining }) => isDraining);
    const note =
      drained.length === 0 ? '' : `, draining: ${drained.map(({ agentId }) => agentId).join(', ')}`;
    const detail = `${live.length} live${note}`;
    const findings = all.filter(({ isLive }) => !isLive).map(lost);
    if (all.length === 0) findings.push(noAgent);
    findings.push(...(await findDeaf(snapshot, live)));
    return fail(detail, ...findings);
  },
};

const noAgent: Finding = {
  problem: 'no agent is registered',
  impact: 'submitted commands are not executed: they wait',
  fix: 'start one; a second one gets its own name automatically',
  commands: ['npm run agent'],
};

function lost({ agentId, host, pid, silentMs }: Registered): Finding {
  return {
    problem: `${agentId} was lost: pid ${pid} on ${host} has been silent for ${seconds(silentMs)}, and did not stop gracefully`,
    impact:
      'the commands that it was executing were ended or requeued by the lost-agent policy; outcomes that it could not report are in its journal until it is started again',
    fix: 'start it again on the same data directory; if it is gone for good, it is no longer listed an hour after it was last seen',
    commands: ['npm run agent'],
  };
}

/** Finds agents that report that they live and have room, beside a command for them that no agent takes. */
async function findDeaf(snapshot: Snapshot, live: readonly Registered[]): Promise<Finding[]> {
  const { redis, keys } = snapshot;
  const nowMs = await snapshot.time();
  const suspects = (await snapshot.queues()).flatMap(({ home, stream, lastDelivered, oldest, pausedAt }) => {
    const waitedMs = oldest ? nowMs - Number(oldest.entry.split('-')[0]) : 0;
    const isLeft = oldest !== undefined && pausedAt === undefined && waitedMs > deafMs;
    return isLeft ? [{ queue: home, stream, lastDelivered, waitedMs, id: oldest.id }] : [];
  });
  if (suspects.length === 0) return [];
  const idleAtFirst = await findIdle(snapshot, live);
  const firstLookAt = performance.now();
  await pause(secondLookMs);
  const idle = await findIdle(snapshot, idleAtFirst, firstLookAt);
  const found = await Promise.all(
    suspects.map(async ({ queue, stream, lastDelivered, waitedMs, id }) => {
      const [oldest] = await readEntries(redis, stream, `(${lastDelivered}`, '+', 1);
      const type = await redis.hget(keys.command(id), 'type').catch(() => null);
      // An agent takes from this queue.
      if (oldest?.id !== id || type === null) return [];
      return idle
        .filter(
          (agent) =>
            !agent.isDraining &&
            agent.queues.includes(queue) &&
            (agent.types.length === 0 || agent.types.includes(type)),
        )
        .map((agent) => deaf(agent, queue, id, waitedMs));
    }),
  );
  return found.flat();
}

/**
 * Finds the agents that have room and were given nothing since. An agent that takes from another queue without
 * a rest has nothing in flight between two commands: it is not unresponsive, it only does not come to this
 * queue. One that renews its leases counts as at work as well: to have a healthy agent killed would be worse.
 *
 * @param since an earlier look, by `performance.now()`
 */
async function findIdle(
  { redis, keys }: Snapshot,
  some: readonly Registered[],
  since?: number,
): Promise<readonly Registered[]> {
  const looked = some.map(async (agent) => {
    const { agentId, concurrency } = agent;
    const rows = await Promise.all(
      agent.queues.map(async (queue) => {
        const stream = keys.stream(queue);
        const [held, tookAgo] = await Promise.all([
          redis.xpending(stream, group, '-', '+', 1000, agentId).catch(() => []),
          readTookAgo(redis, stream),
        ]);
        return { held: held.length, tookAgoMs: tookAgo.get(agentId) ?? Infinity };
      }),
    );
    const hasRoom = rows.reduce((sum, { held }) => sum + held, 0) < (concurrency ?? 1);
    const betweenMs = since === undefined ? 0 : performance.now() - since;
    return hasRoom && rows.every(({ tookAgoMs }) => tookAgoMs > betweenMs) ? [agent] : [];
  });
  return (await Promise.all(looked)).flat();
}

function deaf({ agentId, host, pid }: Registered, queue: string, id: string, waitedMs: number): Finding {
  return {
    problem: `${agentId} (pid ${pid} on ${host}) sends heartbeats and has capacity, but does not take ${id}, which has waited in ${queue} for ${seconds(waitedMs)}`,
    impact: 'it keeps its name and its lease, and does nothing: commands that wait for it wait for ever',
    fix: 'check its log, and restart it; the commands that it holds are resolved when it starts again',
    commands: [`kill ${pid}   # on ${host}`, 'npm run agent'],
  };
}
