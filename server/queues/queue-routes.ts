import { type Request, type Response } from 'express';
import { type z } from 'zod';
import { pauseQueue, resumeQueue } from '../../shared/lifecycle/queue-pause.js';
import { type queueListSchema, queuesQuerySchema, type QueueView } from '../../shared/protocol/api.js';
import { queueNameSchema } from '../../shared/protocol/commands.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { retryable } from '../http/retryable.js';
import { readQueue, readQueues } from './queue-loads.js';
import { readTime } from '../redis/redis-clock.js';
import { RedisUnavailable } from '../redis/redis-fault.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { type Endpoint } from '../http/endpoint.js';
import { tooManyQueues } from '../http/error-to-problem.js';
import { Problem } from '../http/problem.js';
import { parseQuery } from '../http/query.js';

export interface QueueRoutesOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  /** Most queues there may be; any number when left out. */
  readonly maxQueues?: number | undefined;
}

/**
 * How long a call may be under way, by Redis's clock: hardly longer than its sender waits for the
 * answer. One that came later would undo what the operator has asked for since.
 */
const notAfterMs = 2000;

/** Returns the routes that show what waits in the queues, and that pause and resume them. */
export function queueRoutes({ link, keys, maxQueues }: QueueRoutesOptions): Endpoint[] {
  const change = (script: typeof pauseQueue | typeof resumeQueue) => {
    return async (request: Request, response: Response): Promise<void> => {
      const queue = queueOf(request);
      const view = await link.call(async (redis) => {
        const notAfter = (await readTime(redis)) + notAfterMs;
        const word = await script(redis, keys, { queue, notAfter, maxQueues });
        if (word === 'queues-full') throw tooManyQueues();
        if (word === 'late') throw new RedisUnavailable('the request reached Redis too late');
        return readQueue(redis, keys, queue);
      });
      response.json(view satisfies QueueView);
    };
  };

  return [
    {
      method: 'get',
      path: '/queues',
      about: 'list queues: how many commands wait, for how long, and whether the queue is paused',
      handle: async (request, response) => {
        const { limit, cursor } = parseQuery(queuesQuerySchema, request);
        const page = await link.call((redis) => readQueues(redis, keys, { limit, after: cursor }));
        response.json(page satisfies z.input<typeof queueListSchema>);
      },
    },
    retryable({
      method: 'post',
      path: '/queues/:name/pause',
      about: 'pause a queue: none of its commands starts until it is resumed; running ones go on',
      handle: change(pauseQueue),
    }),
    retryable({
      method: 'post',
      path: '/queues/:name/resume',
      about: 'resume a paused queue',
      handle: change(resumeQueue),
    }),
  ];
}

function queueOf(request: Request): string {
  const name = queueNameSchema.safeParse(request.params.name).data;
  if (name === undefined) throw new Problem('not_found', 'no queue can have this name');
  return name;
}
