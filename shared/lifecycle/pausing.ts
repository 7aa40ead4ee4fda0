import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type PartitionKeys } from '../store/keys.js';
import { callScript } from './scripts.js';

/** @param notAfter Redis time in ms after which the call is too old to be carried out: `late` */
export interface PausingOptions {
  readonly queue: string;
  readonly notAfter: number;
}

/** Lets nothing be started from a queue until `resumeQueue`; what runs goes on. */
export async function pauseQueue(
  redis: Redis,
  keys: PartitionKeys,
  { queue, notAfter }: PausingOptions,
): Promise<'paused' | 'late'> {
  const reply = await callScript(redis, 'pause', keys.root, [notAfter, queue]);
  return z.union([z.tuple([z.literal('paused'), z.string()]), z.tuple([z.literal('late')])]).parse(reply)[0];
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
