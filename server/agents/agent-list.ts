import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type AgentView } from '../../shared/protocol/api.js';
import { shownAs } from '../../shared/protocol/sessions.js';
import { ifWrongType, runAll } from '../../shared/store/command-reader.js';
import { agentKey, agentsKey, type PartitionKeys } from '../../shared/store/keys.js';
import { readTime } from '../redis/redis-clock.js';
import { weightsOf } from './agent-registration.js';
import { readPendingByAgent } from '../queues/queue-loads.js';

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
  weights: list,
  types: list,
  concurrency: optionalInt,
  leaseMs: z.coerce.number().int(),
  lastSeen: z.coerce.number().int(),
  draining: z.string().nullable().default(null),
});

/** Returns every agent that registered and did not leave, by name; lost agents for an hour. */
export async function readAgents(redis: Redis, keys: PartitionKeys): Promise<AgentView[]> {
  const [members, running, nowMs] = await Promise.all([
    redis.smembers(agentsKey).catch(ifWrongType([])),
    readPendingByAgent(redis, keys),
    readTime(redis),
  ]);
  const ids = members.sort();
  const pipeline = redis.pipeline();
  for (const id of ids) pipeline.hgetall(agentKey(id));
  const hashes = await runAll(pipeline);
  // These left, or were lost so long ago that the registration is gone. One that comes back adds itself again.
  const gone = ids.filter((_, i) => isEmpty(hashes[i]));
  if (gone.length > 0) await redis.srem(agentsKey, ...gone);
  return ids.flatMap((agentId, i) => {
    // The hash of an agent that left just now is empty; one that was written by hand may hold anything.
    const registration = registrationSchema.safeParse(hashes[i]).data;
    if (!registration) return [];
    const { lastSeen, draining, session, instance, ...rest } = registration;
    const weights = weightsOf(rest.queues, rest.weights);
    return {
      agentId,
      session: session === null ? null : shownAs(session),
      instance: shownAs(instance),
      ...rest,
      weights: weights ? Object.fromEntries(rest.queues.map((queue, i) => [queue, weights[i] ?? 1])) : null,
      state: lastSeen + rest.leaseMs > nowMs ? ('live' as const) : ('lost' as const),
      draining: draining !== null && draining === session,
      running: running.get(agentId) ?? 0,
      lastSeen: new Date(lastSeen).toISOString(),
    };
  });
}

const isEmpty = (hash: unknown) =>
  typeof hash === 'object' && hash !== null && Object.keys(hash).length === 0;
