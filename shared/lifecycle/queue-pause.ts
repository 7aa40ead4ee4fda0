import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type PartitionKeys } from '../store/keys.js';
import { callScript } from './scripts.js';

/** @param notAfter Redis time in ms after which the call is too old to be carried out: `late` */
export interface PausingOptions {
  readonly queue: string;
  readonly notAfter: number;
}

const pauseReplySchema = z.union([
  z.tuple([z.literal('paused'), z.string()]),
  z.tuple([z.enum(['late', 'queues-full'])]),
]);

/**
 * Lets nothing be started from a queue until `resumeQueue`; what runs goes on.
 *
 * @param maxQueues most queues there may be: one that is not in use yet counts from its pause on
 * @returns `queues-full` when there is no room for another queue
 */
export async function pauseQueue(
  redis: Redis,
  keys: PartitionKeys,
  {
    queue,
    notAfter,
    maxQueues = Number.MAX_SAFE_INTEGER,
  }: PausingOptions & { readonly maxQueues?: number | undefined },
): Promise<'paused' | 'late' | 'queues-full'> {
  const reply = await callScript(redis, 'pause', keys.root, [notAfter, queue, maxQueues]);
  return pauseReplySchema.parse(reply)[0];
}

/** Lets a queue give work again. @returns `moot` when it was not paused */
export async function resumeQueue(
  redis: Redis,
  keys: PartitionKeys,
  { queue, notAfter }: PausingOptions,
): Promise<'resumed' | 'moot' | 'late'> {
  const reply = await callScript(redis, 'resume', keys.root, [notAfter, queue]);
  return z.tuple([z.enum(['resumed', 'moot', 'late'])]).parse(reply)[0];
}
