import { type Redis } from 'ioredis';
import { z } from 'zod';
import { versionsAnnounced } from '../../shared/lifecycle/registration.js';
import { builtInTypes } from '../../shared/protocol/command-types.js';
import { digestOfType, partsOfField } from '../../shared/protocol/type-digest.js';
import { ifWrongType, orBroken, runAll } from '../../shared/store/command-reader.js';
import { agentKey, agentsKey, typesKey } from '../../shared/store/keys.js';
import { readTime } from '../redis/redis-clock.js';

/** The command types that agents have announced. */
export interface Announcements {
  /** Redis time. */
  readonly nowMs: number;
  /** The hash `fencepost:types`: each version by its field. */
  readonly texts: Readonly<Record<string, string>>;
  /** The live agents that announce a version, by its field. */
  readonly agents: ReadonlyMap<string, readonly string[]>;
}

/**
 * Reads what a server's catalog is built from. The announcing agents are read only where versions differ.
 *
 * @throws BrokenCommand when the key is no hash
 */
export async function readAnnouncements(redis: Redis): Promise<Announcements> {
  const [nowMs, texts] = await Promise.all([readTime(redis), orBroken(typesKey, redis.hgetall(typesKey))]);
  const isDisputed = hasRivals(Object.keys(texts));
  return { nowMs, texts, agents: isDisputed ? await readAnnouncing(redis, nowMs) : new Map() };
}

const builtInDigests = new Map([...builtInTypes].map(([type, info]) => [type, digestOfType(info)]));

function hasRivals(fields: readonly string[]): boolean {
  const seen = new Map(builtInDigests);
  for (const field of fields) {
    const { type, digest } = partsOfField(field);
    if ((seen.get(type) ?? digest) !== digest) return true;
    seen.set(type, digest);
  }
  return false;
}

/** A malformed registration counts as no agent. */
const rowSchema = z.tuple([
  z.string(),
  z.string(),
  z.coerce.number().int().positive(),
  z.coerce.number().int().positive(),
]);

async function readAnnouncing(redis: Redis, nowMs: number): Promise<Map<string, string[]>> {
  const agentIds = (await redis.smembers(agentsKey).catch(ifWrongType<string[]>([]))).sort();
  const pipeline = redis.pipeline();
  for (const agentId of agentIds) {
    pipeline.hmget(agentKey(agentId), 'session', 'announced', 'leaseMs', 'lastSeen');
  }
  const agents = new Map<string, string[]>();
  (await runAll(pipeline)).forEach((reply, i) => {
    const row = rowSchema.safeParse(reply).data;
    const agentId = agentIds[i];
    if (!row || agentId === undefined) return;
    const [session, announced, leaseMs, lastSeen] = row;
    if (lastSeen + leaseMs <= nowMs) return;
    for (const field of versionsAnnounced(announced, session)) {
      const announcing = agents.get(field);
      if (announcing) announcing.push(agentId);
      else agents.set(field, [agentId]);
    }
  });
  return agents;
}
