import { type Redis } from 'ioredis';
import { redisTimeDuring } from '../limit/redis-time.js';

/** The cost of one command, in microseconds. */
export interface Cost {
  readonly elapsedUs: number;
  /** The part of it that Redis counted for its scripts: without Node, the sockets and the disk. */
  readonly scriptUs: number;
  /** The processor time of Redis's main thread, all in all: what else the machine does is not in it. */
  readonly redisCpuUs: number;
}

/** @param work what is done to so many commands */
export async function costDuring(redis: Redis, commands: number, work: () => Promise<void>): Promise<Cost> {
  let elapsedMs = 0;
  const { scriptUsec, cpuUsec } = await redisTimeDuring(redis, commands, async () => {
    const startedAt = performance.now();
    await work();
    elapsedMs = performance.now() - startedAt;
  });
  return { elapsedUs: (1000 * elapsedMs) / commands, scriptUs: scriptUsec, redisCpuUs: cpuUsec };
}
