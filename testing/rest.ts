import { type Redis } from 'ioredis';
import { group } from '../shared/store/keys.js';
import { type Fields } from './command-state.js';
import { type KeyName, keyName } from './keyspace.js';

/** All that Redis holds about commands at one moment, when nothing is on its way any more. */
export interface Rest {
  readonly hashes: ReadonlyMap<string, Fields>;
  readonly markers: ReadonlyMap<string, string>;
  /** Ids of commands that have one. */
  readonly histories: ReadonlySet<string>;
  /** By the stream's key. */
  readonly queues: ReadonlyMap<string, { readonly length: number; readonly pending: number }>;
  readonly scheduled: ReadonlySet<string>;
  readonly index: ReadonlySet<string>;
  readonly failedIndex: ReadonlySet<string>;
  /** The kept counts by status, over all partitions. */
  readonly counts: Readonly<Record<string, number>>;
}

const atATime = 1000;

/** Reads the states at rest from Redis, past the product's own reader. */
export async function readRest(redis: Redis): Promise<Rest> {
  const keys = await scanKeys(redis);
  const hashes = new Map<string, Fields>();
  const markers = new Map<string, string>();
  const histories = new Set<string>();
  const queues = new Map<string, { length: number; pending: number }>();
  const scheduled = new Set<string>();
  const index = new Set<string>();
  const failedIndex = new Set<string>();
  const counts: Record<string, number> = {};

  const readers: Partial<Record<KeyName['kind'], (key: string, of: string) => Promise<void>>> = {
    command: async (key, id) => void hashes.set(id, await redis.hgetall(key)),
    exec: async (key, id) => void markers.set(id, (await redis.get(key)) ?? ''),
    history: (_, id) => Promise.resolve(void histories.add(id)),
    commands: async (key) =>
      void queues.set(key, { length: await redis.xlen(key), pending: await pendingIn(redis, key) }),
    scheduled: async (key) => addTo(scheduled, await redis.zrange(key, '0', '-1')),
    index: async (key, of) =>
      addTo(of === 'failed' ? failedIndex : index, await redis.zrange(key, '0', '-1')),
    counts: async (key) => {
      for (const [status, count] of Object.entries(await redis.hgetall(key))) {
        counts[status] = (counts[status] ?? 0) + Number(count);
      }
    },
  };
  const read = async (key: string): Promise<void> => {
    const name = keyName(key);
    if (name) await readers[name.kind]?.(key, name.of);
  };
  for (let at = 0; at < keys.length; at += atATime) await Promise.all(keys.slice(at, at + atATime).map(read));
  return { hashes, markers, histories, queues, scheduled, index, failedIndex, counts };
}

function addTo(set: Set<string>, members: readonly string[]): void {
  for (const member of members) set.add(member);
}

async function scanKeys(redis: Redis): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const [next, page] = await redis.scan(cursor, 'MATCH', 'fencepost:{*', 'COUNT', atATime);
    for (const key of page) keys.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...keys];
}

async function pendingIn(redis: Redis, stream: string): Promise<number> {
  try {
    const [count] = await redis.xpending(stream, group);
    return Number(count);
  } catch (error) {
    // A stream that no agent has read yet has no group, and so nothing pending.
    if (error instanceof Error && error.message.startsWith('NOGROUP')) return 0;
    throw error;
  }
}
