import { type Redis } from 'ioredis';
import { parseInfo, readSettings, type RedisFields } from '../../shared/store/durability.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { readQueueStreams } from './queue-streams.js';
import { readRegistrations } from './registrations.js';
import { type ServerAnswer } from './server-answers.js';

/** The lease to assume when none is recorded: the default of `LEASE_MS`. */
const usualLeaseMs = 15_000;

export interface SnapshotOptions {
  readonly redis: Redis;
  /** A `redis-cli` line for it, without a command. */
  readonly redisCli: string;
  readonly keys: PartitionKeys;
  readonly serverUrl: string;
  /** Asks the server for a path, without a slash in front. Rejects when it does not answer. */
  readonly ask: (path: string) => Promise<ServerAnswer>;
}

/** The deployment that is looked at. Data that several checks need is read once, and nothing is written. */
export class Snapshot {
  readonly redis: Redis;
  readonly redisCli: string;
  readonly keys: PartitionKeys;
  readonly serverUrl: string;
  readonly ask: SnapshotOptions['ask'];

  /** The fields of INFO. Rejects while Redis is away, and where this user may not ask for them. */
  readonly info = once(async () => parseInfo(await this.redis.info()));
  /** Every agent that registered and did not leave. */
  readonly agents = once(async () => readRegistrations(this.redis, await this.time()));
  /** Every queue that ever held a command. */
  readonly queues = once(() => readQueueStreams(this.redis, this.keys));
  /** The longest lease that is in use. */
  readonly leaseMs = once(async () => {
    const told = await this.redis.hget(this.keys.recovery, 'leaseMs').catch(() => null);
    const leases = (await this.agents()).map(({ leaseMs }) => leaseMs);
    return Math.max(...leases, Number(told) || (leases.length > 0 ? 0 : usualLeaseMs));
  });

  constructor({ redis, redisCli, keys, serverUrl, ask }: SnapshotOptions) {
    this.redis = redis;
    this.redisCli = redisCli;
    this.keys = keys;
    this.serverUrl = serverUrl;
    this.ask = ask;
  }

  /** Settings of Redis as it runs, or undefined where it forbids to ask for them. */
  settings(...names: readonly string[]): Promise<RedisFields | undefined> {
    return readSettings(this.redis, ...names);
  }

  /** Redis time in ms. */
  async time(): Promise<number> {
    const [seconds, micros] = await this.redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000);
  }
}

function once<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return () => (reading ??= read());
}
