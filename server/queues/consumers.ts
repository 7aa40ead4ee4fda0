import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type SurveyedQueue } from '../../shared/lifecycle/upkeep.js';
import { runAll } from '../../shared/store/command-reader.js';
import { agentKey, recoveryConsumer } from '../../shared/store/keys.js';
import { readTime } from '../redis/redis-clock.js';

/** A name in a queue's consumer group. Redis keeps each that ever read, whether its agent is there or not. */
export type Consumer = SurveyedQueue['consumers'][number];

/** The consumers of each queue that stand for agents. */
export const consumersOf = (rows: readonly SurveyedQueue[]): Consumer[][] =>
  rows.map(({ consumers }) => consumers.filter(({ name }) => name !== recoveryConsumer));

/**
 * Reads which names are those of registered agents: `live` with a heartbeat within the lease, else `lost`.
 *
 * @returns no state for an agent that left, or was lost so long ago that its registration is gone
 */
export async function readRegistrations(
  redis: Redis,
  names: readonly string[],
): Promise<ReadonlyMap<string, 'live' | 'lost'>> {
  const distinct = [...new Set(names)];
  if (distinct.length === 0) return new Map();
  const pipeline = redis.pipeline();
  for (const name of distinct) pipeline.hmget(agentKey(name), 'instance', 'lastSeen', 'leaseMs');
  const [nowMs, rows] = await Promise.all([readTime(redis), runAll(pipeline)]);
  const states = new Map<string, 'live' | 'lost'>();
  for (const [i, name] of distinct.entries()) {
    const [instance, lastSeen, leaseMs] = rowSchema.parse(rows[i]);
    if (instance !== null) states.set(name, lastSeen + leaseMs > nowMs ? 'live' : 'lost');
  }
  return states;
}

const ms = z.coerce.number().int().catch(0);
/** Malformed values count as those of an agent that never sent a heartbeat. */
const rowSchema = z.tuple([z.string().nullable(), ms, ms]).catch([null, 0, 0]);
