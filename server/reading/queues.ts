import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type QueueView } from '../../shared/protocol/api.js';
import { ifWrongType, runAll } from '../../shared/store/command-reader.js';
import { group, type PartitionKeys } from '../../shared/store/keys.js';
import { readTime } from '../redis/redis-clock.js';
import { homeOf, withLanes } from '../../shared/store/lanes.js';
import { ifNoGroup } from './pending-rows.js';

/** Every queue that ever held a command, or is paused, by name. */
export async function readQueues(redis: Redis, keys: PartitionKeys): Promise<QueueView[]> {
  const [known, paused] = await Promise.all([
    redis.smembers(keys.queues).catch(ifWrongType<string[]>([])),
    redis.hkeys(keys.paused).catch(ifWrongType<string[]>([])),
  ]);
  return readThese(redis, keys, [...new Set([...known.map(homeOf), ...paused])].sort());
}

/** One queue, also if nobody has ever heard of it. */
export async function readQueue(redis: Redis, keys: PartitionKeys, queue: string): Promise<QueueView> {
  const [view] = await readThese(redis, keys, [queue]);
  if (!view) throw new Error(`no view of ${queue}`);
  return view;
}

async function readThese(redis: Redis, keys: PartitionKeys, names: readonly string[]): Promise<QueueView[]> {
  const [paused, nowMs] = await Promise.all([
    redis.hgetall(keys.paused).catch(ifWrongType<Record<string, string>>({})),
    readTime(redis),
  ]);
  const all = await withLanes(redis, keys, names);
  const streams = await Promise.all(all.map((name) => readOne(redis, keys, name, nowMs)));
  return names.map((queue) => ({
    queue,
    ...sumOf(streams.filter((_, i) => homeOf(all[i] ?? '') === queue)),
    paused: paused[queue] !== undefined,
    pausedAt: pausedAtSchema.parse(paused[queue] ?? null),
  }));
}

/** null also for what somebody spoiled: paused it is all the same. */
const pausedAtSchema = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform((ms) => new Date(Number(ms)).toISOString())
  .nullable()
  .catch(null);

const groupsSchema = z.array(
  z.array(z.unknown()).transform((flat) => {
    const fields = new Map<unknown, unknown>();
    for (let i = 0; i < flat.length; i += 2) fields.set(flat[i], flat[i + 1]);
    return z
      .object({ name: z.string(), consumers: z.number(), pending: z.number(), lastDelivered: z.string() })
      .parse({
        name: fields.get('name'),
        consumers: fields.get('consumers'),
        pending: fields.get('pending'),
        lastDelivered: fields.get('last-delivered-id'),
      });
  }),
);

const agentsIn = (groups: unknown) => groupsSchema.parse(groups).find(({ name }) => name === group);

/** The newest entry that some agent was given; undefined when nobody ever read. @param groups reply of XINFO GROUPS */
export const lastDelivered = (groups: unknown) => agentsIn(groups ?? [])?.lastDelivered;

type StreamNumbers = Omit<QueueView, 'queue' | 'paused' | 'pausedAt'>;

/** A queue with its lanes: to a client they are one. An agent that serves it reads the queue's own stream. */
function sumOf(streams: readonly StreamNumbers[]): StreamNumbers {
  const waits = streams.flatMap(({ oldestWaitingMs }) => oldestWaitingMs ?? []);
  return {
    length: streams.reduce((sum, { length }) => sum + length, 0),
    pending: streams.reduce((sum, { pending }) => sum + pending, 0),
    oldestWaitingMs: waits.length > 0 ? Math.max(...waits) : null,
    consumers: Math.max(0, ...streams.map(({ consumers }) => consumers)),
  };
}

async function readOne(
  redis: Redis,
  keys: PartitionKeys,
  queue: string,
  nowMs: number,
): Promise<StreamNumbers> {
  const stream = keys.stream(queue);
  const [length, groups] = await Promise.all([
    redis.xlen(stream).catch(ifWrongType(0)),
    redis.xinfo('GROUPS', stream).catch(ifNoGroup<unknown>([])),
  ]);
  const agents = agentsIn(groups);
  const oldest = await redis
    .xrange(stream, agents === undefined ? '-' : `(${agents.lastDelivered}`, '+', 'COUNT', 1)
    .catch(ifWrongType([]));
  const enqueuedMs = oldest[0] && Number(oldest[0][0].split('-')[0]);
  return {
    length,
    pending: agents?.pending ?? 0,
    // The clock of Redis may have been set back since.
    oldestWaitingMs: enqueuedMs === undefined ? null : Math.max(0, nowMs - enqueuedMs),
    consumers: agents?.consumers ?? 0,
  };
}

/** How many entries each agent has in its hands, over all queues. */
export async function readPendingByAgent(
  redis: Redis,
  keys: PartitionKeys,
): Promise<ReadonlyMap<string, number>> {
  const queues = await redis.smembers(keys.queues).catch(ifWrongType<string[]>([]));
  const pipeline = redis.pipeline();
  for (const queue of queues) pipeline.xpending(keys.stream(queue), group);
  const byAgent = new Map<string, number>();
  for (const reply of await runAll(pipeline, ifNoGroup(undefined))) {
    const consumers = summarySchema.parse(reply ?? [0, null, null, null])[3] ?? [];
    for (const [agentId, count] of consumers) byAgent.set(agentId, (byAgent.get(agentId) ?? 0) + count);
  }
  return byAgent;
}

const summarySchema = z.tuple([
  z.number(),
  z.string().nullable(),
  z.string().nullable(),
  z.array(z.tuple([z.string(), z.coerce.number()])).nullable(),
]);
