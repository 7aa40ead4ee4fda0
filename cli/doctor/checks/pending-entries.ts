import { type Check, type Finding, fail, pass } from '../check.js';
import { readCommandState } from '../command-state.js';
import { proseList } from '../prose-list.js';
import { type Snapshot } from '../snapshot.js';
import { type PendingEntry, type QueueStream, readEntries, readPending } from '../queue-streams.js';

/** Recovery looks a dozen times per lease, so what is this old is not about to be recovered. */
const leases = 3;

export const pendingEntries: Check = {
  name: 'pending-entries',
  about: 'delivered entries are renewed, or recovered in time',
  needs: ['redis'],
  async run(snapshot) {
    const all = await snapshot.queues();
    const looks = await Promise.all(
      all.map(async (stream) => ({ stream, pending: await readPending(snapshot.redis, stream.stream) })),
    );
    const count = looks.reduce((sum, { pending }) => sum + pending.length, 0);
    const oldMs = leases * (await snapshot.leaseMs());
    const findings: Finding[] = [];
    for (const { stream, pending } of looks) {
      const old = pending.filter(({ idleMs }) => idleMs > oldMs);
      if (old.length > 0) findings.push(await describe(snapshot, stream, old));
      findings.push(...(await findHalfRunning(snapshot, stream, pending)));
    }
    const detail = `${count} in flight`;
    return findings.length === 0 ? pass(detail) : fail(detail, ...findings);
  },
};

async function describe(
  snapshot: Snapshot,
  { queue, stream }: QueueStream,
  old: readonly PendingEntry[],
): Promise<Finding> {
  const { redis, keys, redisCli } = snapshot;
  const longest = Math.max(...old.map(({ idleMs }) => idleMs));
  const names = old.map(({ entry, consumer }) => `${entry} of ${consumer}`);
  const [lastTick, holdUntil] = await redis.hmget(keys.recovery, 'lastTick', 'holdUntil');
  const now = await snapshot.time();
  const leaseMs = await snapshot.leaseMs();
  const silentMs = now - Number(lastTick ?? 0);
  let recovery =
    'recovery runs, and skips them: they are malformed, or a key that it needs holds a foreign value';
  if (Number(holdUntil ?? 0) > now)
    recovery = 'recovery is paused, since Redis was away or its clock jumped; it resumes within a lease';
  else if (silentMs > leaseMs)
    recovery = lastTick
      ? `recovery does not run: no server or agent has run it for ${Math.round(silentMs / 1000)} s`
      : 'recovery does not run: no server or agent has ever run it';
  return {
    problem: `${proseList(names, 'entry', 'entries')} in the queue ${queue} ${old.length === 1 ? 'has' : 'have'} gone unrenewed for up to ${Math.round(longest / 1000)} s, with a lease of ${leaseMs / 1000} s`,
    impact: `their commands are neither executed nor ended; ${recovery}`,
    fix: 'start a server or an agent: each runs recovery every twelfth of a lease; if they run, check their logs',
    commands: ['npm run server', `${redisCli} XPENDING '${stream}' agents - + 10`],
  };
}

/** Finds commands that are RUNNING while the marker that names their rightful attempt is gone. */
async function findHalfRunning(
  { redis, keys }: Snapshot,
  { queue, stream, lastDelivered }: QueueStream,
  pending: readonly PendingEntry[],
): Promise<Finding[]> {
  if (pending.length === 0) return [];
  const delivered = await readEntries(redis, stream, '-', lastDelivered);
  const inFlight = new Set(pending.map(({ entry }) => entry));
  const states = await Promise.all(
    delivered
      .filter(({ entry }) => inFlight.has(entry))
      .map(({ entry, id }) => readCommandState(redis, keys, { id, queue, entry })),
  );
  const broken = states.filter(({ status, marker }) => status === 'RUNNING' && marker === undefined);
  if (broken.length === 0) return [];
  return [
    {
      problem: `${proseList(
        broken.map(({ id }) => id),
        'command',
      )} in the queue ${queue} ${broken.length === 1 ? 'is' : 'are'} RUNNING without an execution marker: another program deleted it`,
      impact: 'its agent loses the attempt at its next renewal, and its report is refused',
      fix: 'leave it to recovery, which handles it a lease later as if its agent was lost; then check its outcome, and retry it if it may be executed again',
      commands: broken
        .slice(0, 5)
        .flatMap(({ id }) => [`npx fencepost get ${id}`, `npx fencepost retry ${id}`]),
    },
  ];
}
