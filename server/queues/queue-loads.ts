import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type QueueView } from '../../shared/protocol/api.js';
import { type SurveyedQueue, surveyQueues } from '../../shared/lifecycle/upkeep.js';
import { ifWrongType, runAll } from '../../shared/store/command-reader.js';
import { group, type PartitionKeys } from '../../shared/store/keys.js';
import { homeOf, withLanes } from '../../shared/store/lanes.js';
import { consumersOf, readRegistrations } from './consumers.js';
import { ifNoGroup } from './pending-rows.js';

/** Every queue that is in use, or is paused, by name. */
export async function readQueueNames(redis: Redis, keys: PartitionKeys): Promise<string[]> {
  const [known, paused] = await Promise.all([
    redis.smembers(keys.queues).catch(ifWrongType<string[]>([])),
    redis.hkeys(keys.paused).catch(ifWrongType<string[]>([])),
  ]);
  return [...new Set([...known.map(homeOf), ...paused])].sort();
}

export interface QueuesPage {
  readonly queues: QueueView[];
  /** The last of these queues when there are more; else null. */
  readonly nextCursor: string | null;
}

/** The queues in use whose names come after `after`, by name. @param limit most of them */
export async function readQueues(
  redis: Redis,
  keys: PartitionKeys,
  { after = '', limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<QueuesPage> {
  const names = (await readQueueNames(redis, keys)).filter((name) => name > after);
  const page = names.slice(0, limit);
  const queues = await readThese(redis, keys, page);
  return { queues, nextCursor: names.length > limit ? (page.at(-1) ?? null) : null };
}

/** Reads one queue, even one that was never used. */
export async function readQueue(redis: Redis, keys: PartitionKeys, queue: string): Promise<QueueView> {
  const [view] = await readThese(redis, keys, [queue]);
  if (!view) throw new Error(`no view of ${queue}`);
  return view;
}

async function readThese(redis: Redis, keys: PartitionKeys, names: readonly string[]): Promise<QueueView[]> {
  if (names.length === 0) return [];
  const [since, { now, rows }] = await Promise.all([
    redis.hmget(keys.paused, ...names).catch(ifWrongType<(string | null)[]>([])),
    surveyWithLanes(redis, keys, names, 'consumers'),
  ]);
  const live = await liveConsumers(redis, rows);
  return rows.map((row, i) => ({
    ...loadOf(row, now),
    consumers: live[i] ?? 0,
    paused: (since[i] ?? null) !== null,
    pausedAt: pausedAtSchema.parse(since[i] ?? null),
  }));
}

/** Surveys these queues, each together with its lanes: to a client they are one. */
async function surveyWithLanes(
  redis: Redis,
  keys: PartitionKeys,
  queues: readonly string[],
  what: 'consumers' | '' = '',
): Promise<{ now: number; rows: SurveyedQueue[] }> {
  const { now, rows } = await surveyQueues(redis, keys, await withLanes(redis, keys, queues), what);
  const byHome = new Map<string, SurveyedQueue[]>();
  for (const row of rows) {
    const home = homeOf(row.queue);
    byHome.set(home, [...(byHome.get(home) ?? []), row]);
  }
  return { now, rows: queues.map((queue) => sumOf(queue, byHome.get(queue) ?? [])) };
}

function sumOf(queue: string, rows: readonly SurveyedQueue[]): SurveyedQueue {
  const pending = new Map<string, number>();
  for (const consumer of rows.flatMap(({ consumers }) => consumers)) {
    pending.set(consumer.name, (pending.get(consumer.name) ?? 0) + consumer.pending);
  }
  const waits = rows.flatMap(({ waitsSinceMs }) => waitsSinceMs ?? []);
  return {
    queue,
    length: rows.reduce((sum, { length }) => sum + length, 0),
    pending: rows.reduce((sum, row) => sum + row.pending, 0),
    // Lanes are 100 at most.
    waitsSinceMs: waits.length === 0 ? undefined : Math.min(...waits),
    consumers: [...pending].map(([name, count]) => ({ name, pending: count })),
  };
}

/** Counts the consumers of each queue that belong to live agents, or have entries in flight. */
async function liveConsumers(redis: Redis, rows: readonly SurveyedQueue[]): Promise<number[]> {
  const consumers = consumersOf(rows);
  const registrations = await readRegistrations(
    redis,
    consumers.flat().map(({ name }) => name),
  );
  return consumers.map(
    (ofQueue) =>
      ofQueue.filter(({ name, pending }) => pending > 0 || registrations.get(name) === 'live').length,
  );
}

/** null also for a malformed time: the queue is paused all the same. */
const pausedAtSchema = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform((ms) => new Date(Number(ms)).toISOString())
  .nullable()
  .catch(null);

/** The load of a queue. */
export type QueueLoad = Pick<QueueView, 'queue' | 'length' | 'pending' | 'oldestWaitingMs'>;

/** @returns a load per queue, in order; an empty one where the key holds something else */
export async function readLoads(
  redis: Redis,
  keys: PartitionKeys,
  queues: readonly string[],
): Promise<QueueLoad[]> {
  const { now, rows } = await surveyWithLanes(redis, keys, queues);
  return rows.map((row) => loadOf(row, now));
}

function loadOf({ queue, length, pending, waitsSinceMs }: SurveyedQueue, nowMs: number): QueueLoad {
  // The clock of Redis may have been set back since.
  const oldestWaitingMs = waitsSinceMs === undefined ? null : Math.max(0, nowMs - waitsSinceMs);
  return { queue, length, pending, oldestWaitingMs };
}

const groupsSchema = z.array(
  z.array(z.unknown()).transform((flat) => {
    const fields = new Map<unknown, unknown>();
    for (let i = 0; i < flat.length; i += 2) fields.set(flat[i], flat[i + 1]);
    const lastDelivered = fields.get('last-delivered-id');
    return z
      .object({ name: z.string(), lastDelivered: z.string() })
      .parse({ name: fields.get('name'), lastDelivered });
  }),
);

/** The newest entry that an agent was given; undefined when none ever read. @param groups reply of XINFO GROUPS */
export const lastDelivered = (groups: unknown) =>
  groupsSchema.parse(groups ?? []).find(({ name }) => name === group)?.lastDelivered;

/** Counts the entries that each agent has in flight, over all queues. */
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
