import { Counter, Gauge, type Registry } from 'prom-client';
import { type AgentView, type Stats, type TypeView } from '../../shared/protocol/api.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { readAgents } from '../reading/agents.js';
import { type QueueLoad, readLoads, readQueueNames } from '../reading/queues.js';
import { readStats } from '../reading/stats.js';
import { RedisUnavailable } from '../redis/redis-fault.js';
import { type TypeCatalog } from '../submissions/type-catalog.js';
import { type RedisCalls } from '../redis/redis-link.js';

export interface RedisMetricsOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly catalog: Pick<TypeCatalog, 'views'>;
  readonly registry: Registry;
}

interface State {
  readonly stats: Stats;
  readonly queues: readonly QueueLoad[];
  readonly agents: readonly AgentView[];
  readonly types: readonly TypeView[];
}

/**
 * The contents of Redis as metrics, the same at every server. While Redis is unavailable there are none,
 * rather than those of some time ago.
 */
export class RedisMetrics {
  readonly #options: RedisMetricsOptions;
  readonly #up: Gauge;
  readonly #metrics: readonly { reset(): void; show(state: State): void }[];

  constructor(options: RedisMetricsOptions) {
    this.#options = options;
    const { registry } = options;
    this.#up = new Gauge({
      name: 'fencepost_redis_up',
      help: '1 when Redis answers.',
      registers: [registry],
    });
    const gauge = <Label extends string>(
      name: string,
      help: string,
      labelNames: readonly Label[],
      show: (gauge: Gauge<Label>, state: State) => void,
    ) => {
      const made = new Gauge({ name: `fencepost_${name}`, help, labelNames, registers: [registry] });
      return { reset: () => made.reset(), show: (state: State) => show(made, state) };
    };
    const holdOffs = new Counter({
      name: 'fencepost_recovery_hold_offs_total',
      help: 'How often Redis was away, stopped, or its clock jumped.',
      registers: [registry],
    });
    this.#metrics = [
      gauge('commands', 'Commands by status.', ['status'], (made, { stats }) => {
        for (const [status, count] of Object.entries(stats.counts)) made.set({ status }, count);
      }),
      gauge('scheduled_commands', 'PENDING commands with a runAt to come.', [], (made, { stats }) => {
        made.set(stats.scheduled);
      }),
      gauge('queue_entries', 'Entries on a stream: waiting and in flight.', ['queue'], (made, { queues }) => {
        for (const { queue, length } of queues) made.set({ queue }, length);
      }),
      gauge(
        'queue_pending_entries',
        'Entries delivered to an agent and not acknowledged.',
        ['queue'],
        (made, { queues }) => {
          for (const { queue, pending } of queues) made.set({ queue }, pending);
        },
      ),
      gauge(
        'queue_oldest_waiting_seconds',
        'How long the oldest entry that nobody was given has been on the stream; 0 when there is none.',
        ['queue'],
        (made, { queues }) => {
          for (const { queue, oldestWaitingMs } of queues) made.set({ queue }, (oldestWaitingMs ?? 0) / 1000);
        },
      ),
      gauge('agents', 'Agents that registered and did not leave.', ['state'], (made, { agents }) => {
        for (const state of ['live', 'lost'] as const) {
          made.set({ state }, agents.filter((agent) => agent.state === state).length);
        }
      }),
      gauge(
        'disputed_types',
        'Command types of which live agents announce several versions.',
        [],
        (made, { types }) => made.set(types.filter(({ conflict }) => conflict !== null).length),
      ),
      gauge('dead_entries', 'Entries that could not be understood.', [], (made, { stats }) => {
        made.set(stats.deadEntries);
      }),
      gauge('recovery_held_off', '1 while nobody is declared lost.', [], (made, { stats }) => {
        made.set(stats.recovery.holdUntil === null ? 0 : 1);
      }),
      {
        reset: () => holdOffs.reset(),
        show: ({ stats }) => holdOffs.inc(stats.recovery.holdOffs),
      },
    ];
  }

  /** Reads Redis. @throws what reading threw, unless Redis is unavailable */
  async update(): Promise<void> {
    const state = await this.#read();
    this.#up.set(state ? 1 : 0);
    for (const metric of this.#metrics) {
      metric.reset();
      if (state) metric.show(state);
    }
  }

  async #read(): Promise<State | undefined> {
    const { link, keys, catalog } = this.#options;
    try {
      return await link.call(async (redis) => {
        const queues = await readLoads(redis, keys, await readQueueNames(redis, keys));
        const [stats, agents, types] = await Promise.all([
          readStats(redis, keys, queues, null),
          readAgents(redis, keys),
          catalog.views(),
        ]);
        return { stats, queues: shownQueues(queues), agents, types };
      });
    } catch (error) {
      if (error instanceof RedisUnavailable) return undefined;
      throw error;
    }
  }
}

/** The most queues with time series of their own: clients that name queues must not decide what a scrape costs. */
export const mostSeries = 1000;
/** No queue can have this name. */
const others = '~others';

/** The queues with the most entries, and all the rest as one. */
export function shownQueues(queues: readonly QueueLoad[]): readonly QueueLoad[] {
  if (queues.length <= mostSeries) return queues;
  const byLength = queues.toSorted((one, other) => other.length - one.length);
  const rest = byLength.slice(mostSeries - 1);
  const waits = rest.flatMap(({ oldestWaitingMs }) => oldestWaitingMs ?? []);
  const sum = {
    queue: others,
    length: rest.reduce((total, { length }) => total + length, 0),
    pending: rest.reduce((total, { pending }) => total + pending, 0),
    oldestWaitingMs: waits.length > 0 ? waits.reduce((most, one) => Math.max(most, one)) : null,
  };
  return [...byLength.slice(0, mostSeries - 1), sum];
}
