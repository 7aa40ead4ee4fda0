import { type Redis } from 'ioredis';
import { dismissConsumers, surveyQueues } from '../../shared/lifecycle/upkeep.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { ifWrongType, runAll } from '../../shared/store/command-reader.js';
import { agentKey, agentsKey, type PartitionKeys } from '../../shared/store/keys.js';
import { consumersOf, readRegistrations } from '../queues/consumers.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { Sweeper } from './sweeper.js';

/** The pause between two looks at a part of the queues. */
const intervalMs = 5000;
/** Queues of one look, and names of one script: Redis does nothing else meanwhile. */
const queuesAtOnce = 50;
const namesAtOnce = 200;

export interface DismisserOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly logger: Logger;
}

/**
 * Removes the names of agents that left, or whose registrations are gone, from the queues' consumers and from
 * the list of agents: thousands of them a day where agents have no volume. Every server does so, and alone
 * knows its position.
 *
 * An agent that is alive all the same, without a registration, is made a consumer again by its next read.
 */
export function dismisser({ link, keys, logger }: DismisserOptions): Sweeper {
  let after = '';
  return new Sweeper({
    name: 'dismisser',
    intervalMs,
    link,
    sweep: async (redis) => {
      await forgetGone(redis);
      const names = (await redis.smembers(keys.queues).catch(ifWrongType<string[]>([]))).sort();
      const rest = names.filter((name) => name > after);
      const queues = rest.slice(0, queuesAtOnce);
      const count = await dismissGone(redis, keys, queues);
      after = rest.length > queues.length ? (queues.at(-1) ?? '') : '';
      return { count, more: false };
    },
    logger,
  });
}

/** Removes agents that are gone from the list. One that comes back adds itself again. */
async function forgetGone(redis: Redis): Promise<void> {
  const names = await redis.smembers(agentsKey).catch(ifWrongType<string[]>([]));
  const pipeline = redis.pipeline();
  for (const name of names) pipeline.exists(agentKey(name));
  const replies = names.length === 0 ? [] : await runAll(pipeline);
  const gone = names.filter((_, i) => replies[i] === 0);
  if (gone.length > 0) await redis.srem(agentsKey, ...gone);
}

async function dismissGone(redis: Redis, keys: PartitionKeys, queues: readonly string[]): Promise<number> {
  const { rows } = await surveyQueues(redis, keys, queues, 'consumers');
  const idle = consumersOf(rows).map((ofQueue) => ofQueue.filter(({ pending }) => pending === 0));
  const registrations = await readRegistrations(
    redis,
    idle.flat().map(({ name }) => name),
  );
  let count = 0;
  for (const [i, queue] of queues.entries()) {
    const gone = (idle[i] ?? []).filter(({ name }) => !registrations.has(name));
    const names = gone.slice(0, namesAtOnce).map(({ name }) => name);
    if (names.length > 0) count += await dismissConsumers(redis, keys, queue, names);
  }
  return count;
}
