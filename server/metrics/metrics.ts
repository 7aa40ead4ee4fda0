import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import { standardLog } from '../../shared/runtime/log-output.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { type Check } from '../http/check.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { type TypeCatalog } from '../submissions/type-catalog.js';
import { RedisMetrics } from './redis-metrics.js';
import { requestMetrics } from './request-metrics.js';

interface Sized {
  readonly size: number;
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
}

let ofProcess: Registry | undefined;

/** Memory, event loop, files: of this process, so once for all servers in it. */
function processRegistry(): Registry {
  if (ofProcess) return ofProcess;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  countDroppedLines(registry);
  return (ofProcess = registry);
}

/** Counted where it happens: whoever logs must not depend on who is asked for metrics. */
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

/** What Prometheus is told: of Redis, of this server's requests, and of its process. */
export class Metrics {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  /** Counts the requests that pass through it. */
  readonly countRequests: Check;
  readonly #registry = new Registry();
  readonly #ofProcess = processRegistry();
  readonly #redis: RedisMetrics;

  constructor({ link, keys, catalog, waiter, polls, eventStreams }: MetricsOptions) {
    this.#redis = new RedisMetrics({ link, keys, catalog, registry: this.#registry });
    this.countRequests = requestMetrics(this.#registry);
    this.#gauge('waiting_clients', 'Clients whose GET /commands/:id?wait= is held here.', waiter);
    this.#gauge('waiting_polls', 'Polls of agents that are held here.', polls);
    this.#gauge('event_streams', 'Streams of GET /events that are open here.', eventStreams);
  }

  /** The text of a scrape. */
  async text(): Promise<string> {
    await this.#redis.update();
    return (await Promise.all([this.#registry.metrics(), this.#ofProcess.metrics()])).join('');
  }

  #gauge(name: string, help: string, source: Sized): void {
    const options = { name: `fencepost_${name}`, help, registers: [this.#registry] };
    const gauge: Gauge = new Gauge({ ...options, collect: () => gauge.set(source.size) });
  }
}
