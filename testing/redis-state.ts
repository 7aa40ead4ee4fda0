import { type Redis } from 'ioredis';
import { group, partitionKeys } from '../shared/store/keys.js';
import { Clock } from './redis-state-clock.js';
import { EntryNames } from './redis-state-entries.js';
import {
  type HashState,
  type ListState,
  type RedisState,
  type SetState,
  type SortedSetState,
  type StreamState,
  type Value,
} from './redis-state-types.js';

export { type HashState, type RedisState, type StreamState, type Value };

const { root } = partitionKeys();
const fullKey = (name: string) => (name.startsWith('fencepost:') ? name : root + name);
const shortKey = (key: string) => (key.startsWith(root) ? key.slice(root.length) : key);

/**
 * Empties Redis and fills it.
 *
 * @returns Redis time in ms: this seed's `now`, which `snapshot` needs
 */
export async function seed(redis: Redis, state: RedisState): Promise<number> {
  await redis.flushall();
  const since = await timeOf(redis);
  const clock = new Clock(since, since);
  const writes = Object.entries(state).map(([name, value]) => write(redis, clock, fullKey(name), value));
  await Promise.all(writes);
  return since;
}

async function write(redis: Redis, clock: Clock, key: string, value: Value): Promise<void> {
  if (typeof value === 'string') {
    await redis.set(key, clock.toNumbers(value));
  } else if (isList(value)) {
    await redis.rpush(key, ...value.list.map((item) => clock.toText(item)));
  } else if (isSet(value)) {
    await redis.sadd(key, ...value.set);
  } else if (isSortedSet(value)) {
    await redis.zadd(key, ...value.zset.flatMap(([member, score]) => [clock.toText(score), member]));
  } else if (isStream(value)) {
    await writeStream(redis, clock, key, value);
  } else {
    await redis.hset(key, ...Object.entries(value).flatMap(([field, one]) => [field, clock.toText(one)]));
  }
}

async function writeStream(redis: Redis, clock: Clock, key: string, value: StreamState): Promise<void> {
  const { stream, delivered, pending = [] } = value;
  await Promise.all(stream.map(([id, fields]) => redis.xadd(key, id, ...Object.entries(fields).flat())));
  if (delivered === undefined) return;
  await redis.xgroup('CREATE', key, group, delivered, 'MKSTREAM');
  for (const [id, consumer, since] of pending) {
    const time = clock.toText(since);
    await redis.xclaim(key, group, consumer, '0', id, 'TIME', time, 'FORCE', 'JUSTID');
  }
}

/**
 * Everything that is in Redis now.
 *
 * @param since what `seed` returned
 * @param until when the last change was made, where a reply told it: a slow machine then cannot blur
 *   the times; else this moment
 */
export async function snapshot(redis: Redis, since: number, until?: number): Promise<RedisState> {
  const clock = new Clock(since, until ?? (await timeOf(redis)));
  const state: Record<string, Value> = {};
  for (const key of (await redis.keys('*')).sort()) {
    state[shortKey(key)] = await read(redis, clock, key);
  }
  return new EntryNames(since).applyTo(state);
}

async function read(redis: Redis, clock: Clock, key: string): Promise<Value> {
  const type = await redis.type(key);
  switch (type) {
    case 'string':
      return clock.toWords((await redis.get(key)) ?? '');
    case 'hash':
      return mapValues(await redis.hgetall(key), (text, field) =>
        field === 'error' ? clock.toParsed(text) : clock.toWords(text),
      );
    case 'list':
      return { list: (await redis.lrange(key, 0, -1)).map((text) => clock.toParsed(text)) };
    case 'set':
      return { set: (await redis.smembers(key)).sort() };
    case 'zset': {
      const members = pairs(await redis.zrange(key, '0', '-1', 'WITHSCORES'));
      return { zset: members.map(([member, score]) => [member, clock.toWords(score)] as const) };
    }
    case 'stream':
      return readStream(redis, clock, key);
    default:
      throw new Error(`${key} is a ${type}`);
  }
}

async function readStream(redis: Redis, clock: Clock, key: string): Promise<StreamState> {
  const entries = await redis.xrange(key, '-', '+');
  const stream = entries.map(([id, fields]) => [id, Object.fromEntries(pairs(fields))] as const);
  const groups = (await redis.xinfo('GROUPS', key)) as string[][];
  const info = groups.map((one) => Object.fromEntries(pairs(one))).find(({ name }) => name === group);
  if (info?.['last-delivered-id'] === undefined) return { stream };
  // One script, so that no pause comes between the two clocks.
  const both = "return { redis.call('TIME'), redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 100000) }";
  const [[seconds, micros], rows] = (await redis.eval(both, 1, key, group)) as [
    [string, string],
    [string, string, number, number][],
  ];
  const read = Number(seconds) * 1000 + Number(micros) / 1000;
  const pending = rows.map(([id, consumer, idle]) => [id, consumer, clock.sinceWords(read - idle)] as const);
  return { stream, delivered: info['last-delivered-id'], pending };
}

async function timeOf(redis: Redis): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
}

function pairs(flat: readonly string[]): [string, string][] {
  return flat.flatMap((item, i) => (i % 2 === 0 ? [[item, String(flat[i + 1])] as [string, string]] : []));
}

function mapValues<A, B>(
  record: Record<string, A>,
  change: (value: A, name: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, change(value, name)]));
}

// A hash holds no arrays, so a tag with an array cannot be one of its fields.
const isList = (value: object): value is ListState => 'list' in value && Array.isArray(value.list);
const isSet = (value: object): value is SetState => 'set' in value && Array.isArray(value.set);
const isSortedSet = (value: object): value is SortedSetState => 'zset' in value && Array.isArray(value.zset);
const isStream = (value: object): value is StreamState => 'stream' in value && Array.isArray(value.stream);
