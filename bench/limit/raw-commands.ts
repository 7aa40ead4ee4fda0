import { type Redis } from 'ioredis';
import { v7 as uuid } from 'uuid';
import { z } from 'zod';
import { load } from '../load.js';

/**
 * A whole cycle as the commands that it cannot do without, sent in pipelines: write for write what
 * Fencepost's scripts do (`raw-commands.redis.test.ts` counts both), and the two reads without which there is
 * nothing to execute. Nothing is checked, fenced or safe to send twice; it is no broker.
 */
const root = 'raw:{0}:';
export const rawKeys = {
  stream: `${root}commands`,
  counts: `${root}counts`,
  events: `${root}events`,
  index: `${root}index`,
  queues: `${root}queues`,
  command: (id: string) => `${root}command:${id}`,
  marker: (id: string) => `${root}exec:${id}`,
} as const;
export const rawGroup = 'agents';

/** One entry that a read of the stream returned. */
export interface RawEntry {
  readonly entry: string;
  readonly id: string;
}

const readSchema = z
  .tuple([z.tuple([z.string(), z.array(z.tuple([z.string(), z.tuple([z.literal('id'), z.string()])]))])])
  .nullable();

type Pipeline = ReturnType<Redis['pipeline']>;

export async function submitRaw(redis: Redis, count: number): Promise<void> {
  const ids = Array.from({ length: count }, () => uuid());
  const pipeline = redis.pipeline();
  const now = Date.now();
  for (const id of ids) {
    pipeline.xadd(rawKeys.stream, '*', 'id', id);
    pipeline.hset(
      rawKeys.command(id),
      ...['type', load.type, 'payload', JSON.stringify(load.payload), 'status', 'PENDING'],
      ...['queue', 'default', 'createdAt', now],
    );
  }
  pipeline.zadd(rawKeys.index, ...ids.flatMap((id) => [now * 1000, id]));
  pipeline.sadd(rawKeys.queues, 'default');
  tell(pipeline, ids, 'PENDING');
  await exec(pipeline);
}

/** Takes up to `count` entries. @param ended what is reported in the same round trip */
export async function readRaw(
  redis: Redis,
  count: number,
  ended: readonly RawEntry[],
  blockMs?: number,
): Promise<RawEntry[]> {
  const pipeline = redis.pipeline();
  if (ended.length > 0) addReports(pipeline, ended);
  const from = ['STREAMS', rawKeys.stream, '>'] as const;
  if (blockMs === undefined) pipeline.xreadgroup('GROUP', rawGroup, 'raw', 'COUNT', count, ...from);
  else pipeline.xreadgroup('GROUP', rawGroup, 'raw', 'COUNT', count, 'BLOCK', blockMs, ...from);
  const replies = await exec(pipeline);
  const found = readSchema.parse(replies.at(-1));
  return found === null ? [] : found[0][1].map(([entry, [, id]]) => ({ entry, id }));
}

export async function startRaw(redis: Redis, entries: readonly RawEntry[]): Promise<void> {
  const pipeline = redis.pipeline();
  const now = Date.now();
  pipeline.msetnx(...entries.flatMap(({ id }) => [rawKeys.marker(id), '1:raw:raw.1']));
  for (const { id } of entries) {
    pipeline.hmget(rawKeys.command(id), 'type', 'payload');
    pipeline.hset(
      rawKeys.command(id),
      ...['status', 'RUNNING', 'attempt', '1', 'agentId', 'raw', 'startedAt', now],
    );
  }
  tell(
    pipeline,
    entries.map(({ id }) => id),
    'RUNNING',
  );
  await exec(pipeline);
}

export async function reportRaw(redis: Redis, entries: readonly RawEntry[]): Promise<void> {
  const pipeline = redis.pipeline();
  addReports(pipeline, entries);
  await exec(pipeline);
}

function addReports(pipeline: Pipeline, entries: readonly RawEntry[]): void {
  const now = Date.now();
  for (const { id } of entries) {
    pipeline.hset(
      rawKeys.command(id),
      ...['status', 'COMPLETED', 'finishedAt', now, 'result', JSON.stringify(load.result)],
      ...['reported', '1:raw:raw.1'],
    );
  }
  const spent = entries.map(({ entry }) => entry);
  pipeline.xack(rawKeys.stream, rawGroup, ...spent);
  pipeline.xdel(rawKeys.stream, ...spent);
  pipeline.del(...entries.map(({ id }) => rawKeys.marker(id)));
  tell(
    pipeline,
    entries.map(({ id }) => id),
    'COMPLETED',
  );
}

/** Counts and publishes a change of status, once per batch, as every script does. */
function tell(pipeline: Pipeline, ids: readonly string[], status: string): void {
  pipeline.hincrby(rawKeys.counts, status, ids.length);
  pipeline.publish(rawKeys.events, ids.map((id) => `${id} ${status} 1`).join('\n'));
}

/** @throws the first error among the replies */
async function exec(pipeline: Pipeline): Promise<unknown[]> {
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply]) => {
    if (error) throw error;
    return reply;
  });
}
