import { type Redis } from 'ioredis';
import { type RunningAtStartup } from '../shared/protocol/api.js';
import { type CrashPoints, noFaults, type ServerPoint } from '../shared/runtime/faults.js';
import { type Logger } from '../shared/runtime/logger.js';
import { type Service } from '../shared/runtime/service.js';
import { CommandReader } from '../shared/store/command-reader.js';
import { readDurability } from '../shared/store/durability.js';
import { type PartitionKeys, partitionKeys } from '../shared/store/keys.js';
import { checkRedis } from '../shared/store/redis-check.js';
import { AgentSessions } from './agents/agent-sessions.js';
import { PollHeartbeats } from './agents/poll-heartbeats.js';
import { NextCommands } from './agents/next-commands.js';
import { LongPollRegistry } from './agents/long-poll-registry.js';
import { createApp } from './app.js';
import { type ServerConfig } from './config.js';
import { EventStreams } from './events/event-streams.js';
import { HeldAnswers } from './http/held-answers.js';
import { HttpServer } from './http/http-server.js';
import { timeoutEnforcer } from './maintenance/timeout-enforcer.js';
import { expirer } from './maintenance/expirer.js';
import { promoter } from './maintenance/promoter.js';
import { dismisser } from './maintenance/dismisser.js';
import { pruner } from './maintenance/pruner.js';
import { recoverer } from './maintenance/recoverer.js';
import { orphanRepairer } from './maintenance/orphan-repairer.js';
import { retirer } from './maintenance/retirer.js';
import { unknownTypes } from './maintenance/unknown-types.js';
import { findRunning } from './status/running-at-startup.js';
import { type FellowWorkers, Metrics } from './status/metrics.js';
import { RedisClock } from './redis/redis-clock.js';
import { RedisUnavailable } from './redis/redis-fault.js';
import { RedisLink } from './redis/redis-link.js';
import { SchemaChecker } from './types/schema-checker.js';
import { Submitter } from './commands/submitter.js';
import { readAnnouncements } from './types/announcements.js';
import { TypeCatalog } from './types/type-catalog.js';
import { CommandWaiter } from './commands/command-waiter.js';
import { TransitionFeed } from './events/transition-feed.js';

export interface ServerOptions
  extends
    Pick<ServerConfig, 'host' | 'port' | 'maxBacklog' | 'leaseMs' | 'graceMs'>,
    Partial<
      Pick<ServerConfig, 'allowedHosts' | 'maxQueues' | 'retentionMs' | 'retentionMax' | 'keepAliveMs'>
    >,
    Partial<Pick<ServerConfig, 'maxConnections' | 'maxConnectionsPerPeer' | 'maxHeld' | 'maxHeldPerPeer'>> {
  readonly redisUrl: string;
  readonly logger: Logger;
  /** The points at which the server is to crash, for tests and demonstrations. */
  readonly faults?: CrashPoints<ServerPoint>;
  /** Left out where this process has the port for itself. */
  readonly fellowWorkers?: FellowWorkers | undefined;
}

/** A bound that was left out: nothing is ever pruned, and any number of queues may be in use. */
const unbounded = Number.MAX_SAFE_INTEGER;

/**
 * A control server: the HTTP API and the maintenance beside it, over one Redis.
 *
 * The process keeps nothing that matters: when it dies, every command is in Redis, those that run go
 * on, and another server, or the next start, takes over where it was.
 */
export class Server implements Service {
  readonly #options: ServerOptions;
  readonly #keys = partitionKeys();
  readonly #link: RedisLink;
  readonly #feed: TransitionFeed;
  readonly #waiter: CommandWaiter;
  readonly #eventStreams: EventStreams;
  readonly #polls: LongPollRegistry;
  readonly #http: HttpServer;
  readonly #maintenance: readonly Service[];
  #runningAtStartup: RunningAtStartup | null = null;
  #stopped: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    const parts = createParts(options, this.#keys);
    this.#link = parts.link;
    this.#feed = parts.feed;
    this.#waiter = parts.waiter;
    this.#eventStreams = parts.eventStreams;
    this.#polls = parts.polls;
    this.#http = createHttp(options, parts, this.#keys, () => this.#runningAtStartup);
    this.#maintenance = createMaintenance(options, parts, this.#keys);
  }

  /** Where to reach it, once it listens. */
  get url(): string {
    return this.#http.url;
  }

  /**
   * Listens at once, so that its answers can name what is missing, and resolves when Redis is there
   * and the server does its work.
   *
   * @throws SchemaVersionError or UnusableRedisError, or what listening failed with
   */
  async start(): Promise<void> {
    await this.#http.start();
    await this.#eventStreams.start();
    await this.#feed.start();
    await this.#polls.start();
    await this.#link.start();
    if (this.isStopping()) return;
    await this.#look();
    if (this.isStopping()) return;
    for (const service of this.#maintenance) await service.start();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  isStopping(): boolean {
    return this.#stopped !== undefined;
  }

  async #stop(): Promise<void> {
    this.#options.logger.info('stopping: no new connections');
    this.#waiter.end();
    this.#eventStreams.end();
    this.#polls.end();
    await this.#http.stop();
    await this.#eventStreams.stop();
    await this.#polls.stop();
    await Promise.all(this.#maintenance.map((service) => service.stop()));
    await this.#feed.stop();
    await this.#link.stop();
  }

  /** Logs which guarantees are missing, and what an earlier run left. Neither keeps the server from working. */
  async #look(): Promise<void> {
    const { leaseMs, logger } = this.#options;
    try {
      const { reasons } = await this.#link.call(readDurability);
      for (const reason of reasons) logger.warn({ reason }, `NOT GUARANTEED: ${reason}`);
      this.#runningAtStartup = await findRunning(this.#link, this.#keys, leaseMs);
      const { count, leasesActive, leasesExpired, commandIds } = this.#runningAtStartup;
      if (count > 0) {
        const text = `found ${count} RUNNING commands: ${leasesActive} leases active, ${leasesExpired} expired`;
        logger.info({ commandIds }, text);
      }
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      logger.warn({ err: error }, 'Redis went away before it was looked at');
    }
  }
}

/** The parts that the API and the maintenance share. */
function createParts(options: ServerOptions, keys: PartitionKeys) {
  const { redisUrl: url, leaseMs, maxBacklog, maxQueues = unbounded } = options;
  const { logger, faults = noFaults, fellowWorkers } = options;
  const check = async (redis: Redis) => {
    for (const limit of await checkRedis(redis, 'server')) logger.warn(limit);
  };
  const link = new RedisLink({ url, logger, check });
  const feed = new TransitionFeed({ url, logger });
  const waiter = new CommandWaiter({
    read: (id) => link.call((redis) => new CommandReader(redis, keys).read(id)),
    readStatus: (id) => link.call((redis) => new CommandReader(redis, keys).readStatus(id)),
    feed,
  });
  const catalog = new TypeCatalog(() => link.call(readAnnouncements), logger);
  const checker = new SchemaChecker();
  const submitter = new Submitter({ link, keys, clock: new RedisClock(), maxBacklog, maxQueues, faults });
  const eventStreams = new EventStreams({ feed, logger });
  const polls = new LongPollRegistry({ link, keys, feed, logger });
  const admissions = new AgentSessions({ link, keys, leaseMs, logger });
  const nextCommands = new NextCommands({ link, keys, admissions, polls, faults });
  const metrics = new Metrics({ link, keys, catalog, waiter, polls, eventStreams, fellowWorkers });
  return {
    ...{ link, feed, waiter, catalog, checker, submitter, eventStreams, polls, admissions, nextCommands },
    ...{ metrics, faults, maxQueues },
  };
}

type Parts = ReturnType<typeof createParts>;

function createHttp(
  options: ServerOptions,
  parts: Parts,
  keys: PartitionKeys,
  runningAtStartup: () => RunningAtStartup | null,
): HttpServer {
  const { host, port, allowedHosts, graceMs, leaseMs, logger } = options;
  const held = new HeldAnswers({
    inAll: options.maxHeld ?? Infinity,
    perPeer: options.maxHeldPerPeer ?? Infinity,
  });
  const app = createApp({ ...parts, keys, leaseMs, runningAtStartup, held, host, allowedHosts, logger });
  return new HttpServer({
    // Express types what the app returns as any; the app is a listener of requests.
    listener: (request, response) => void app(request, response),
    host,
    port,
    graceMs,
    ...(options.keepAliveMs === undefined ? {} : { keepAliveMs: options.keepAliveMs }),
    maxConnections: {
      inAll: options.maxConnections ?? Infinity,
      perPeer: options.maxConnectionsPerPeer ?? Infinity,
    },
  });
}

function createMaintenance(options: ServerOptions, parts: Parts, keys: PartitionKeys): readonly Service[] {
  const { leaseMs, graceMs, retentionMs = unbounded, retentionMax = unbounded, logger } = options;
  const { link, checker, catalog, admissions, polls, faults } = parts;
  return [
    checker,
    promoter(link, keys, logger),
    expirer(link, keys, logger),
    recoverer({ link, keys, leaseMs, faults, logger }),
    orphanRepairer({ link, keys, leaseMs, logger }),
    pruner({ link, keys, retentionMs, retentionMax, logger }),
    retirer({ link, keys, logger }),
    dismisser({ link, keys, logger }),
    timeoutEnforcer({ link, keys, catalog, leaseMs, graceMs, logger }),
    unknownTypes(link, keys, logger),
    new PollHeartbeats({ admissions, polls, leaseMs, logger }),
  ];
}
