import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type Logger } from '../../shared/runtime/logger.js';
import { ifWrongType, runAll } from '../../shared/store/command-reader.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { laneOf, type Lane } from '../../shared/store/lanes.js';
import { knowsType, readServing } from '../commands/waiting-reasons.js';
import { readTime } from '../redis/redis-clock.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { Sweeper } from './sweeper.js';

/** How late the log line may be. Each look costs one read while there is no lane. */
const intervalMs = 1000;

/**
 * Logs which command types no agent knows while commands of them wait: one line for each type, and none again
 * before some agent has known it, however many commands there are. It changes nothing.
 */
export function unknownTypes(link: RedisCalls, keys: PartitionKeys, logger: Logger): Sweeper {
  const logged = new Set<string>();
  return new Sweeper({
    name: 'unknown types',
    intervalMs,
    link,
    sweep: async (redis) => {
      const { unknown, known } = await look(redis, keys);
      const isUnknown = new Set(unknown.map(({ type }) => type));
      // A type may be known in one queue and unknown in another: then its line stands.
      for (const type of known) if (!isUnknown.has(type)) logged.delete(type);
      for (const { queue, type } of unknown) {
        if (logged.has(type)) continue;
        logged.add(type);
        logger.warn(
          { type, queue },
          'no agent that serves this queue knows this command type: its commands wait for one that does',
        );
      }
      return { count: 0, more: false };
    },
    logger,
  });
}

/** Returns lanes with waiting commands whose type no live agent of the queue knows, and the types that some know. */
async function look(
  redis: Redis,
  keys: PartitionKeys,
): Promise<{ unknown: readonly Lane[]; known: readonly string[] }> {
  const lanes = (await redis.smembers(keys.queues).catch(ifWrongType<string[]>([]))).flatMap((name) => {
    const lane = laneOf(name);
    return lane ? [{ ...lane, stream: keys.stream(name) }] : [];
  });
  if (lanes.length === 0) return { unknown: [], known: [] };
  const lengths = await runAll(
    lanes.reduce((pipeline, { stream }) => pipeline.xlen(stream), redis.pipeline()),
  );
  const nowMs = await readTime(redis);
  const agents = (await readServing(redis)).filter(({ liveUntilMs }) => liveUntilMs > nowMs);
  const isKnown = ({ queue, type }: Lane) =>
    agents.some((agent) => agent.queues.has(queue) && knowsType(agent, type));
  const waiting = lanes.filter((_, i) => z.number().catch(0).parse(lengths[i]) > 0);
  return {
    unknown: waiting.filter((lane) => !isKnown(lane)),
    known: lanes.filter(isKnown).map(({ type }) => type),
  };
}
