import { Redis, type RedisOptions } from 'ioredis';
import { type RedisAddress, redisAddress } from '../../shared/runtime/redis-url.js';
import { pause } from '../../shared/runtime/service.js';
import { checkBeforeUse } from '../../shared/store/handshake.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { type Desk } from '../clients.js';
import { type Roster } from './roster.js';

/** The one server, as clients see it. */
export class ServerDesk implements Desk {
  readonly url: string;
  readonly requests = new Set<{ readonly about: readonly string[] }>();

  constructor(url: string) {
    this.url = url;
  }

  /** There is no other server to go to. */
  noteBroken(): void {}

  get underWay(): string[] {
    return [...this.requests].flatMap(({ about }) => about);
  }
}

/** Creates clients of the Redis under test, which goes away now and then, and comes back elsewhere. */
export class RedisClients {
  readonly #address: RedisAddress;
  readonly #clients: Redis[] = [];

  constructor(url: string) {
    this.#address = redisAddress(url);
  }

  client(options: Partial<RedisOptions> = {}): Redis {
    const client: Redis = new Redis({
      ...this.#address,
      connectTimeout: 1000,
      // A container that was cut off from the network sends nothing, not even that its connections are gone.
      socketTimeout: 3000,
      ...options,
      replyMapping: 'legacy',
    });
    checkBeforeUse(client);
    client.on('error', () => undefined);
    this.#clients.push(client);
    return client;
  }

  close(): void {
    for (const client of this.#clients) client.disconnect();
  }
}

/**
 * Makes Redis keep the whole history of its append-only file, in which the history checker reads every
 * transition. This is not in redis.conf, since it would fill a disk, and is repeated after each of its starts.
 */
export async function keepHistory(redis: Redis): Promise<void> {
  const keep = () => redis.config('SET', 'aof-disable-auto-gc', 'yes');
  redis.on('ready', () => void keep().catch(() => undefined));
  await keep();
}

/** @throws Error when this Redis has a past that no client of this run has seen */
export async function checkIsEmpty(redis: Redis): Promise<void> {
  const counts = await redis.hgetall(partitionKeys().counts);
  const commands = Object.values(counts).reduce((sum, count) => sum + Number(count), 0);
  if (commands === 0) return;
  throw new Error(
    `this Redis holds ${commands} commands already, of which the judge knows nothing. ` +
      'Give the run data of its own: docker compose -p fencepost-chaos --profile chaos up; ' +
      'and after a run: docker compose -p fencepost-chaos --profile chaos down -v',
  );
}

const mostPatienceMs = 120_000;

/**
 * Resolves when the server takes commands, of these types too, and an agent is there.
 *
 * @throws Error when they do not come
 */
export async function untilComplete(
  serverUrl: string,
  roster: Roster,
  types: readonly string[],
): Promise<void> {
  const deadline = performance.now() + mostPatienceMs;
  const isComplete = async () => {
    const ready = await fetch(new URL('/ready', serverUrl));
    if (!ready.ok) return false;
    await roster.read();
    const known = await Promise.all(types.map((type) => roster.knows(type)));
    return roster.size > 0 && known.every(Boolean);
  };
  while (performance.now() < deadline) {
    if (await isComplete().catch(() => false)) return;
    await pause(200);
  }
  const orTypes = types.length === 0 ? '' : `, or none that knows ${types.join(', ')}`;
  throw new Error(`${serverUrl} does not come to be ready, or no agent comes${orTypes}`);
}
