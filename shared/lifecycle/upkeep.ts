import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type PartitionKeys } from '../store/keys.js';
import { callScript } from './scripts.js';

/** Keeps names that were used once from costing something for ever: of queues, and of agents in their groups. */

/** How long an empty stream that an agent opened stays when nothing comes and the agent is gone. */
const openMs = 3600 * 1000;

const retireReplySchema = z.array(z.enum(['retired', 'kept']));

/** Takes queues out of those in use of which nothing is left. @param queues 500 at most. @returns those that went */
export async function retireQueues(
  redis: Redis,
  keys: PartitionKeys,
  queues: readonly string[],
): Promise<string[]> {
  const args = [queues.length, ...queues];
  const words = retireReplySchema.parse(await callScript(redis, 'retire', keys.root, args));
  return queues.filter((_, i) => words[i] === 'retired');
}

const openReplySchema = z.array(z.enum(['opened', 'open', 'broken']));

/** Makes the streams and groups at which a blocking read waits. @returns whether any was missing */
export async function openQueues(
  redis: Redis,
  keys: PartitionKeys,
  queues: readonly string[],
): Promise<boolean> {
  const args = [openMs, queues.length, ...queues];
  return openReplySchema.parse(await callScript(redis, 'open', keys.root, args)).includes('opened');
}

const dismissReplySchema = z.array(z.enum(['dismissed', 'busy', 'moot']));

/** Removes agents that are gone from a queue's consumers, unless something is pending under them. @returns how many */
export async function dismissConsumers(
  redis: Redis,
  keys: PartitionKeys,
  queue: string,
  agentIds: readonly string[],
): Promise<number> {
  const args = [queue, agentIds.length, ...agentIds];
  const words = dismissReplySchema.parse(await callScript(redis, 'dismiss', keys.root, args));
  return words.filter((word) => word === 'dismissed').length;
}

/** The contents of a queue, and the agents that read from it. */
export interface SurveyedQueue {
  readonly queue: string;
  /** Entries on the stream: waiting and in flight. */
  readonly length: number;
  readonly pending: number;
  /** When the oldest entry that no agent was given was put there; undefined when there is none. */
  readonly waitsSinceMs: number | undefined;
  /** Empty when they were not asked for. */
  readonly consumers: readonly { readonly name: string; readonly pending: number }[];
}

/** Queues of one call: some 2 ms, in which Redis does nothing else. */
const surveyedAtOnce = 250;

const surveyReplySchema = z.tuple([
  z.number(),
  z.array(z.tuple([z.number(), z.number(), z.string()]).rest(z.union([z.string(), z.number()]))),
]);

/** @returns Redis time in ms, and a row per queue, in order; a key of another type counts as an empty queue */
export async function surveyQueues(
  redis: Redis,
  keys: PartitionKeys,
  queues: readonly string[],
  what: 'consumers' | '' = '',
): Promise<{ now: number; rows: SurveyedQueue[] }> {
  const rows: SurveyedQueue[] = [];
  let now = 0;
  for (let from = 0; from < queues.length; from += surveyedAtOnce) {
    const some = queues.slice(from, from + surveyedAtOnce);
    const args = [what, some.length, ...some];
    const reply = surveyReplySchema.parse(await callScript(redis, 'survey', keys.root, args));
    now = reply[0];
    for (const [i, [length, pending, since, ...flat]] of reply[1].entries()) {
      const waitsSinceMs = since === '' ? undefined : Number(since);
      rows.push({ queue: some[i] ?? '', length, pending, waitsSinceMs, consumers: pairsOf(flat) });
    }
  }
  return { now, rows };
}

function pairsOf(flat: readonly (string | number)[]): { name: string; pending: number }[] {
  return flat.flatMap((name, i) =>
    i % 2 === 0 ? [{ name: String(name), pending: Number(flat[i + 1]) }] : [],
  );
}
