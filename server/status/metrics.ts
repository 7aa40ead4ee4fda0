import { AggregatorRegistry, collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { standardLog } from '../../shared/runtime/log-output.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type Check } from '../http/middleware-check.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { type TypeCatalog } from '../types/type-catalog.js';
import { RedisMetrics } from './redis-metrics.js';
import { requestMetrics } from './request-metrics.js';
import { type Figures } from '../workers/worker-messages.js';

interface Sized {
  readonly size: number;
}

/** The other processes that share this server's port. */
export interface FellowWorkers {
  /** The figures of this process and of all others. */
  figuresOfAll(): Promise<readonly Figures[]>;
  /** Answers their requests for the figures of this process. */
  answerWithFigures(own: () => Promise<Figures>): void;
}

export interface MetricsOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly catalog: Pick<TypeCatalog, 'views'>;
  /** Clients that wait for a command's end. */
  readonly waiter: Sized;
  /** Agents whose polls are held. */
  readonly polls: Sized;
  readonly eventStreams: Sized;
  /** Left out where this process has the port for itself. */
  readonly fellowWorkers?: FellowWorkers | undefined;
}

let ofProcess: Registry | undefined;

/** Memory, event loop and files belong to the process, so there is one registry for all servers in it. */
function processRegistry(): Registry {
  if (ofProcess) return ofProcess;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  countDroppedLines(registry);
  return (ofProcess = registry);
}

/** The log output counts dropped lines by itself, since logging must not depend on the metrics. */
function countDroppedLines(registry: Registry): void {
  const dropped: Counter = new Counter({
    name: 'fencepost_log_lines_dropped_total',
    help: 'Lines of the log that could not be written: a full disk, or a reader that is gone.',
    registers: [registry],
    collect: () => {
      dropped.reset();
      dropped.inc(standardLog.droppedLines);
    },
  });
}

/**
 * The metrics of Redis, of this server's requests, and of its process. A scrape reaches one of several workers, which
 * answers for all of them.
 */
export class Metrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  /** Counts the requests that pass through it. */
  readonly countRequests: Check;
  /** The same at every server. */
  readonly #ofRedis = new Registry();
  readonly #ofServer = new Registry();
  readonly #ofProcess = processRegistry();
  readonly #redis: RedisMetrics;
  readonly #workers: FellowWorkers | undefined;

  constructor({ link, keys, catalog, waiter, polls, eventStreams, fellowWorkers }: MetricsOptions) {
    this.#redis = new RedisMetrics({ link, keys, catalog, registry: this.#ofRedis });
    this.#workers = fellowWorkers;
    this.countRequests = requestMetrics(this.#ofServer);
    this.#gauge('http_waiting_requests', 'Requests GET /commands/:id?wait= that are held here.', waiter);
    this.#gauge('agent_polls_waiting', 'Polls of agents that are held here.', polls);
    this.#gauge('sse_connections', 'Streams of GET /events that are open here.', eventStreams);
    fellowWorkers?.answerWithFigures(() => this.#figures());
  }

  /** The text of a scrape. */
  async text(): Promise<string> {
    const [ofServers] = await Promise.all([this.#ofServers(), this.#redis.update()]);
    return [await this.#ofRedis.metrics(), ...ofServers].join('');
  }

  async #ofServers(): Promise<string[]> {
    if (!this.#workers) return Promise.all([this.#ofServer.metrics(), this.#ofProcess.metrics()]);
    const all = await this.#workers.figuresOfAll();
    return [await AggregatorRegistry.aggregate([...all]).metrics()];
  }

  async #figures(): Promise<Figures> {
    const both = [this.#ofServer, this.#ofProcess].map((registry) => registry.getMetricsAsJSON());
    return (await Promise.all(both)).flat();
  }

  #gauge(name: string, help: string, source: Sized): void {
    const options = { name: `fencepost_${name}`, help, registers: [this.#ofServer] };
    const gauge: Gauge = new Gauge({ ...options, collect: () => gauge.set(source.size) });
  }
}
