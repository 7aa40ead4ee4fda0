import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type AgentView } from '../../shared/protocol/api.js';
import { agentIdSchema } from '../../shared/protocol/commands.js';
import { runAll } from '../../shared/store/command-reader.js';
import { agentKey, agentKeyPattern, type PartitionKeys } from '../../shared/store/keys.js';
import { readPendingByAgent } from './queues.js';

const list = z
  .string()
  .default('')
  .transform((text) => (text === '' ? [] : text.split(',')));
const optionalInt = z.coerce.number().int().nullable().default(null);

/** A registration, as `register` writes it. */
const registrationSchema = z.object({
  session: z.string().nullable().default(null),
  instance: z.string(),
  host: z.string(),
  pid: optionalInt,
  version: z.string().nullable().default(null),
  queues: list,
  types: list,
  concurrency: optionalInt,
  leaseMs: z.coerce.number().int(),
  lastSeen: z.coerce.number().int(),
});

/** Every agent that registered and did not leave, by name; those that were lost for an hour. */
export async function readAgents(redis: Redis, keys: PartitionKeys): Promise<AgentView[]> {
  const [ids, running, now] = await Promise.all([
    findAgents(redis),
    readPendingByAgent(redis, keys),
    redis.time(),
  ]);
  const nowMs = Number(now[0]) * 1000 + Math.floor(Number(now[1]) / 1000);
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.hgetall(agentKey(id));
  const hashes = await runAll(pipeline);
  return ids.flatMap((agentId, i) => {
    // One that left in this moment is empty; one that somebody wrote by hand may be anything.
    const registration = registrationSchema.safeParse(hashes[i]).data;
    if (!registration) return [];
    const { lastSeen, ...rest } = registration;
    return {
      agentId,
      ...rest,
      state: lastSeen + rest.leaseMs > nowMs ? ('live' as const) : ('lost' as const),
      running: running.get(agentId) ?? 0,
      lastSeen: new Date(lastSeen).toISOString(),
    };
  });
}

/** Agents have no index of their own, so the keys are walked, in steps that hold nobody up. */
async function findAgents(redis: Redis): Promise<string[]> {
  const ids = new Set<string>();
  for (let cursor = '0'; ;) {
    const [next, found] = await redis.scan(cursor, 'MATCH', agentKeyPattern, 'COUNT', 5000);
    for (const key of found) {
      const id = key.slice(agentKey('').length);
      if (agentIdSchema.safeParse(id).success) ids.add(id);
    }
    cursor = next;
    if (cursor === '0') return [...ids].sort();
  }
}
