import { type Check, type Finding, fail, pass } from '../check.js';
import { type CommandState, readCommandState } from '../command-state.js';
import { proseList } from '../prose-list.js';
import { type Snapshot } from '../snapshot.js';

/** Keys that Redis looks at in one call, and how long all calls may take: it does one thing at a time. */
const scanCount = 1000;
const scanMs = 10_000;

/** An execution marker exists exactly while its command is RUNNING. */
export const staleMarkers: Check = {
  name: 'stale-markers',
  about: 'an execution marker exists exactly while its command is RUNNING',
  needs: ['redis'],
  async run(snapshot) {
    const { ids, isWhole } = await scanMarkers(snapshot);
    const { redis, keys } = snapshot;
    const states = await Promise.all(
      ids.map(async (id) => {
        const [queue, entry] = await redis
          .hmget(keys.command(id), 'queue', 'entry')
          .catch(() => [null, null]);
        return readCommandState(redis, keys, { id, queue: queue ?? '', entry: entry ?? '' });
      }),
    );
    const left = states.filter(({ marker, status }) => marker !== undefined && status !== 'RUNNING');
    const now = await snapshot.time();
    const findings = [...describeWaiting(left, now), ...describeEnded(snapshot, left)];
    const detail = `${ids.length} set${isWhole ? '' : `, of the keys that could be scanned in ${scanMs / 1000} s`}`;
    return findings.length === 0 ? pass(detail) : fail(detail, ...findings);
  },
};

async function scanMarkers({ redis, keys }: Snapshot): Promise<{ ids: string[]; isWhole: boolean }> {
  const prefix = keys.marker('');
  const ids = new Set<string>();
  const deadline = performance.now() + scanMs;
  let cursor = '0';
  do {
    const [next, page] = await redis.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', scanCount);
    for (const key of page) ids.add(key.slice(prefix.length));
    cursor = next;
  } while (cursor !== '0' && performance.now() < deadline);
  return { ids: [...ids], isWhole: cursor === '0' };
}

function describeWaiting(left: readonly CommandState[], now: number): Finding[] {
  const waiting = left.filter(({ status }) => status === 'PENDING');
  if (waiting.length === 0) return [];
  const overdue = waiting.filter(({ expiresAt }) => expiresAt !== undefined && expiresAt <= now);
  const late =
    overdue.length === 0
      ? ''
      : `; ${proseList(
          overdue.map(({ id }) => id),
          'command',
        )} should have expired, and never will`;
  return [
    {
      problem: `${proseList(
        waiting.map(({ id }) => id),
        'command',
      )} ${waiting.length === 1 ? 'is' : 'are'} PENDING with an execution marker that no script set${late}`,
      impact: 'a marker means that an attempt is running: the command is neither started nor expired',
      fix: 'cancel it, which removes the marker in the same step, and retry it if it is still needed. Do not delete the marker by hand: by then it may be the one of a real attempt',
      commands: waiting
        .slice(0, 5)
        .flatMap(({ id }) => [`npx fencepost cancel ${id}`, `npx fencepost retry ${id}`]),
    },
  ];
}

function describeEnded({ redisCli, keys }: Snapshot, left: readonly CommandState[]): Finding[] {
  const ended = left.filter(({ status }) => status !== 'PENDING');
  if (ended.length === 0) return [];
  const names = ended.map(({ id, status }) => `${id} (${status ?? 'no such command'})`);
  return [
    {
      problem: `${proseList(names, 'command')} left an execution marker behind that no script would leave`,
      impact:
        'no attempt runs under it; but if the command is retried, or submitted again under its Idempotency-Key, it is never started',
      fix: 'delete the marker: no agent executes a command that has ended, or does not exist',
      commands: ended.slice(0, 20).map(({ id }) => `${redisCli} DEL '${keys.marker(id)}'`),
    },
  ];
}
