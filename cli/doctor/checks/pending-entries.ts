import { type Check, type Finding, ill, well } from '../check.js';
import { readCommandState } from '../command-state.js';
import { listed } from '../listed.js';
import { type Patient } from '../patient.js';
import { type PendingEntry, type QueueStream, readEntries, readPending } from '../queue-streams.js';

/** Recovery looks a dozen times per lease, so what is this old is not about to be recovered. */
const leases = 3;

export const pendingEntries: Check = {
  name: 'pending-entries',
  about: 'what was delivered is renewed, or recovered in time',
  needs: ['redis'],
  async look(patient) {
    const all = await patient.queues();
    const looks = await Promise.all(
      all.map(async (stream) => ({ stream, pending: await readPending(patient.redis, stream.stream) })),
    );
    const count = looks.reduce((sum, { pending }) => sum + pending.length, 0);
    const oldMs = leases * (await patient.leaseMs());
    const findings: Finding[] = [];
    for (const { stream, pending } of looks) {
      const old = pending.filter(({ idleMs }) => idleMs > oldMs);
      if (old.length > 0) findings.push(await describe(patient, stream, old));
      findings.push(...(await findHalfRunning(patient, stream, pending)));
    }
    const fact = `${count} in the hands of agents`;
    return findings.length === 0 ? well(fact) : ill(fact, ...findings);
  },
};

async function describe(
  patient: Patient,
  { queue, stream }: QueueStream,
  old: readonly PendingEntry[],
): Promise<Finding> {
  const { redis, keys, redisCli } = patient;
  const longest = Math.max(...old.map(({ idleMs }) => idleMs));
  const names = old.map(({ entry, consumer }) => `${entry} of ${consumer}`);
  const [lastTick, holdUntil] = await redis.hmget(keys.recovery, 'lastTick', 'holdUntil');
  const now = await patient.time();
  const leaseMs = await patient.leaseMs();
  const silentMs = now - Number(lastTick ?? 0);
  let recovery =
    'recovery runs, and leaves them: it cannot understand them, or something else is under a key that it needs';
  if (Number(holdUntil ?? 0) > now)
    recovery = 'recovery holds off, since Redis was away or its clock jumped; it goes on within a lease';
  else if (silentMs > leaseMs)
    recovery = `nobody recovers: neither a server nor an agent has looked for ${lastTick ? `${Math.round(silentMs / 1000)} s` : 'ever'}`;
  return {
    what: `${listed(names, 'entry', 'entries')} in the queue ${queue} ${old.length === 1 ? 'has' : 'have'} gone unrenewed for up to ${Math.round(longest / 1000)} s, with a lease of ${leaseMs / 1000} s`,
    why: `their commands are neither executed nor ended; ${recovery}`,
    mend: 'start a server or an agent: each recovers, every twelfth of a lease; if they run, look into their logs',
    commands: ['npm run server', `${redisCli} XPENDING '${stream}' agents - + 10`],
  };
}

/** Finds commands that are RUNNING while the marker that names their rightful attempt is gone. */
async function findHalfRunning(
  { redis, keys }: Patient,
  { queue, stream, lastDelivered }: QueueStream,
  pending: readonly PendingEntry[],
): Promise<Finding[]> {
  if (pending.length === 0) return [];
  const delivered = await readEntries(redis, stream, '-', lastDelivered);
  const inHands = new Set(pending.map(({ entry }) => entry));
  const states = await Promise.all(
    delivered
      .filter(({ entry }) => inHands.has(entry))
      .map(({ entry, id }) => readCommandState(redis, keys, { id, queue, entry })),
  );
  const broken = states.filter(({ status, marker }) => status === 'RUNNING' && marker === undefined);
  if (broken.length === 0) return [];
  return [
    {
      what: `${listed(
        broken.map(({ id }) => id),
        'command',
      )} in the queue ${queue} ${broken.length === 1 ? 'is' : 'are'} RUNNING without an execution marker: somebody deleted it`,
      why: 'its agent is told at its next renewal that it lost the attempt, and what it reports is refused',
      mend: 'leave it to recovery, which deals with it a lease later as if its agent was lost; then look how it ended, and retry it if it may be executed again',
      commands: broken
        .slice(0, 5)
        .flatMap(({ id }) => [`npx fencepost get ${id}`, `npx fencepost retry ${id}`]),
    },
  ];
}
