import { type Redis } from 'ioredis';
import { type Leftovers } from '../shared/protocol/api.js';
import { type CrashPoints, noFaults, type ServerPoint } from '../shared/runtime/faults.js';
import { type Logger } from '../shared/runtime/logger.js';
import { type Service } from '../shared/runtime/service.js';
import { CommandReader } from '../shared/store/command-reader.js';
import { readDurability } from '../shared/store/durability.js';
import { partitionKeys } from '../shared/store/keys.js';
import { checkRedis } from '../shared/store/redis-check.js';
import { Admissions } from './agents/admissions.js';
import { Heartbeats } from './agents/heartbeats.js';
import { NextCommands } from './agents/next-commands.js';
import { WaitingPolls } from './agents/waiting-polls.js';
import { createApp } from './app.js';
import { type ServerConfig } from './config.js';
import { EventStreams } from './events/event-streams.js';
import { HeldAnswers } from './http/held-answers.js';
import { HttpServer } from './http/http-server.js';
import { deadlineWatch } from './maintenance/deadline-watch.js';
import { expirer } from './maintenance/expirer.js';
import { promoter } from './maintenance/promoter.js';
import { dismisser } from './maintenance/dismisser.js';
import { pruner } from './maintenance/pruner.js';
import { recoverer } from './maintenance/recoverer.js';
import { rescuer } from './maintenance/rescuer.js';
import { retirer } from './maintenance/retirer.js';
import { unknownTypes } from './maintenance/unknown-types.js';
import { findLeftovers } from './reading/leftovers.js';
import { type FellowWorkers, Metrics } from './metrics/metrics.js';
import { RedisClock } from './redis/redis-clock.js';
import { RedisUnavailable } from './redis/redis-fault.js';
import { RedisLink } from './redis/redis-link.js';
import { SchemaChecker } from './submissions/schema-checker.js';
import { Submitter } from './submissions/submitter.js';
import { readAnnouncements } from './reading/announcements.js';
import { TypeCatalog } from './submissions/type-catalog.js';
import { CommandWaiter } from './waiting/command-waiter.js';
import { TransitionFeed } from './waiting/transition-feed.js';

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
  readonly #polls: WaitingPolls;
  readonly #http: HttpServer;
  readonly #maintenance: readonly Service[];
  #leftovers: Leftovers | null = null;
  #stopped: Promise<void> | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    const { redisUrl: url, host, port, allowedHosts, graceMs, leaseMs, maxBacklog } = options;
    const { logger, faults = noFaults, retentionMs = unbounded, retentionMax = unbounded } = options;
    const { maxQueues = unbounded, fellowWorkers } = options;
    const keys = this.#keys;
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
    const leftovers = () => this.#leftovers;
    const eventStreams = new EventStreams({ feed, logger });
    const polls = new WaitingPolls({ link, keys, feed, logger });
    const admissions = new Admissions({ link, keys, leaseMs, logger });
    const nextCommands = new NextCommands({ link, keys, admissions, polls, faults });
    const metrics = new Metrics({
      link,
      keys,
      catalog,
      waiter,
      polls,
      eventStreams,
      fellowWorkers,
    });
    const held = new HeldAnswers({
      inAll: options.maxHeld ?? Infinity,
      perPeer: options.maxHeldPerPeer ?? Infinity,
    });
    const forClients = { catalog, checker, submitter, waiter, eventStreams, leftovers, held };
    const forAgents = { nextCommands, admissions, polls, leaseMs, faults };
    const app = createApp({
      link,
      keys,
      maxQueues,
      ...forClients,
      ...forAgents,
      metrics,
      host,
      allowedHosts,
      logger,
    });
    this.#link = link;
    this.#feed = feed;
    this.#waiter = waiter;
    this.#eventStreams = eventStreams;
    this.#polls = polls;
    // Express types what the app returns as any; the app is a listener of requests.
    this.#http = new HttpServer({
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
    this.#maintenance = [
      checker,
      promoter(link, keys, logger),
      expirer(link, keys, logger),
      recoverer({ link, keys, leaseMs, faults, logger }),
      rescuer({ link, keys, leaseMs, logger }),
      pruner({ link, keys, retentionMs, retentionMax, logger }),
      retirer({ link, keys, logger }),
      dismisser({ link, keys, logger }),
      deadlineWatch({ link, keys, catalog, leaseMs, graceMs, logger }),
      unknownTypes(link, keys, logger),
      new Heartbeats({ admissions, polls, leaseMs, logger }),
    ];
  }

  /** Where to reach it, once it listens. */
  get url(): string {
    return this.#http.url;
  }

  /**
   * Listens at once, so that its answers can name what is missing, and resolves when Redis is there
   * and the server does its work.
   *
   * @throws MetaMismatch or UnusableRedisError, or what listening failed with
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
      this.#leftovers = await findLeftovers(this.#link, this.#keys, leaseMs);
      const { found, leasesAlive, leasesRunOut, commandIds } = this.#leftovers;
      if (found > 0) {
        const text = `found ${found} RUNNING commands: ${leasesAlive} leases alive, ${leasesRunOut} run out`;
        logger.info({ commandIds }, text);
      }
    } catch (error) {
      if (!(error instanceof RedisUnavailable)) throw error;
      logger.warn({ err: error }, 'Redis went away before it was looked at');
    }
  }
}
