import { type Redis } from 'ioredis';
import { z } from 'zod';
import { group, type PartitionKeys } from '../store/keys.js';
import { laneOf, withLanes } from '../store/lanes.js';
import { callScript } from './scripts.js';

/** Recovery of commands whose agent is gone. */

/** Entries in one call: a script must stay short, and a page that is full has a next one. */
const pageSize = 100;

const resolvedSchema = z
  .tuple([
    z.enum(['requeued', 'lost', 'stray', 'moot', 'broken']),
    z.string(),
    z.string(),
    z.string(),
    z.number(),
  ])
  .transform(([word, queue, entry, id, attempt]) => ({ word, queue, entry, id, attempt }));
/**
 * `requeued`: it will be delivered again; `lost`: FAILED with AGENT_LOST; `stray`: no command's
 * current entry, put out of the way; `moot`: not this agent's to settle; `broken`: a key that it needs
 * holds something else, so it is retried a lease later.
 */
export type Resolved = z.infer<typeof resolvedSchema>;

const recoverReplySchema = z.union([
  z.tuple([z.literal('hold'), z.number(), z.number()]),
  z.tuple([z.literal('ok'), z.number(), z.string(), z.array(resolvedSchema)]),
]);

/**
 * One round of recovery over every queue that is in use. Also the pulse: it must be called
 * every lease/12 by every server and agent.
 *
 * @param leaseMs the caller's
 * @param onPage called before each page of a queue is resolved: a crash point for tests
 * @returns what was resolved; `heldOff` while Redis lets live agents renew first
 */
export async function recover(
  redis: Redis,
  keys: PartitionKeys,
  leaseMs: number,
  onPage: () => void = () => undefined,
): Promise<{ heldOff: boolean; resolved: Resolved[] }> {
  const queues = await queuesInFlight(redis, keys);
  const resolved: Resolved[] = [];
  // The pulse is kept also while nothing is in flight.
  for (const queue of queues.length === 0 ? [''] : queues) {
    // A page may be empty and not the last: the end is the cursor 0-0.
    for (let cursor = '0-0', pages = 0; pages === 0 || cursor !== '0-0'; pages++) {
      onPage();
      const args = [leaseMs, pageSize, queue, cursor];
      const reply = recoverReplySchema.parse(await callScript(redis, 'recover', keys.root, args));
      if (reply[0] === 'hold') return { heldOff: true, resolved };
      resolved.push(...reply[3]);
      cursor = reply[2];
    }
  }
  return { heldOff: false, resolved };
}

/**
 * Queues of which something was delivered and not acknowledged, since only there can a lease have run out; and
 * every lane, since `recover` retires those that are empty. One round trip for all of them, where a script for
 * each would cost a write each, in every process.
 */
async function queuesInFlight(redis: Redis, keys: PartitionKeys): Promise<string[]> {
  const queues = await redis.smembers(keys.queues);
  if (queues.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const queue of queues) pipeline.xpending(keys.stream(queue), group);
  const replies = (await pipeline.exec()) ?? [];
  const lost = replies.find(([error]) => error && !/^(NOGROUP|WRONGTYPE)/.test(error.message));
  if (lost?.[0]) throw lost[0];
  // The script decides about whatever is not known to be nothing.
  return queues.filter((queue, i) => {
    const [error, reply] = replies[i] ?? [];
    if (laneOf(queue)) return true;
    return !error && !(Array.isArray(reply) && reply[0] === 0);
  });
}

const abandonReplySchema = z.union([
  z.tuple([z.literal('old-session')]),
  z.tuple([z.literal('ok'), z.number(), z.string(), z.array(resolvedSchema)]),
]);

/**
 * Settles what earlier sessions left under this agent's name, in every queue, also those that no agent
 * serves any more. Call it only after every journalled outcome was answered.
 *
 * @param earlier sessions of earlier runs whose processes are proved dead
 */
export async function abandon(
  redis: Redis,
  keys: PartitionKeys,
  agentId: string,
  session: string,
  earlier: readonly string[] = [],
): Promise<'old-session' | Resolved[]> {
  const resolved: Resolved[] = [];
  const queues = await queuesInFlight(redis, keys);
  // Whether the run is over is asked also where nothing is in flight.
  for (const queue of queues.length === 0 ? [''] : queues) {
    let after = '';
    do {
      const args = [agentId, session, pageSize, queue, after, earlier.length, ...earlier];
      const reply = abandonReplySchema.parse(await callScript(redis, 'abandon', keys.root, args));
      if (reply[0] === 'old-session') return 'old-session';
      resolved.push(...reply[3]);
      after = reply[2];
    } while (after !== '');
  }
  return resolved;
}

const rescueWordSchema = z.enum(['requeued', 'lost', 'moot', 'hold', 'gone', 'broken']);
export type RescueWord = z.infer<typeof rescueWordSchema>;

/** A command that nothing names any more, and the entry that its hash still has. */
export interface Suspect {
  readonly id: string;
  readonly entry: string;
}

/** Resolves commands whose entry was deleted by hand. @returns a word per suspect, in order */
export async function rescue(
  redis: Redis,
  keys: PartitionKeys,
  leaseMs: number,
  suspects: readonly Suspect[],
): Promise<RescueWord[]> {
  const args = [leaseMs, suspects.length, ...suspects.flatMap(({ id, entry }) => [id, entry])];
  const reply = await callScript(redis, 'rescue', keys.root, args);
  return z.tuple([z.number(), z.array(rescueWordSchema)]).parse(reply)[1];
}

/** Delivered to this agent and still pending: entries by queue, oldest first, also of the queues' lanes. */
export async function pendingOf(
  redis: Redis,
  keys: PartitionKeys,
  agentId: string,
  queues: readonly string[],
): Promise<{ queue: string; entry: string; id: string }[]> {
  const found: { queue: string; entry: string; id: string }[] = [];
  for (const queue of await withLanes(redis, keys, queues)) {
    let rows: string[] = [];
    do {
      const last = rows.at(-1);
      rows = await pendingPage(redis, keys.stream(queue), agentId, last === undefined ? '-' : `(${last}`);
      for (const entry of rows) {
        const [row] = await redis.xrange(keys.stream(queue), entry, entry);
        const id = row?.[1][1];
        if (id !== undefined) found.push({ queue, entry, id });
      }
    } while (rows.length === pageSize);
  }
  return found;
}

const pendingPageSchema = z.array(z.tuple([z.string()]).rest(z.unknown()));

async function pendingPage(redis: Redis, stream: string, agentId: string, from: string): Promise<string[]> {
  try {
    const rows = await redis.xpending(stream, group, from, '+', pageSize, agentId);
    return pendingPageSchema.parse(rows).map(([entry]) => entry);
  } catch (error) {
    // No agent served this queue yet, or its stream was deleted by hand: nothing is pending there.
    if (error instanceof Error && error.message.startsWith('NOGROUP')) return [];
    throw error;
  }
}
