import { Counter, Gauge, type Registry } from 'prom-client';
import { type AgentView, type Stats, type TypeView } from '../../shared/protocol/api.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { readAgents } from '../agents/agent-list.js';
import { type QueueLoad, readLoads, readQueueNames } from '../queues/queue-loads.js';
import { readStats } from './stats.js';
import { RedisUnavailable } from '../redis/redis-fault.js';
import { type TypeCatalog } from '../types/type-catalog.js';
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

interface GaugeOfState {
  /** Without the prefix `fencepost_`. */
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
  readonly show: (gauge: Gauge, state: State) => void;
}

const gauges: readonly GaugeOfState[] = [
  {
    name: 'commands',
    help: 'Commands by status.',
    labelNames: ['status'],
    show: (gauge, { stats }) => {
      for (const [status, count] of Object.entries(stats.counts)) gauge.set({ status }, count);
    },
  },
  {
    name: 'scheduled_commands',
    help: 'PENDING commands with a runAt to come.',
    show: (gauge, { stats }) => gauge.set(stats.scheduled),
  },
  {
    name: 'queue_entries',
    help: 'Entries on a stream: waiting and in flight.',
    labelNames: ['queue'],
    show: (gauge, { queues }) => {
      for (const { queue, length } of queues) gauge.set({ queue }, length);
    },
  },
  {
    name: 'queue_pending_entries',
    help: 'Entries delivered to an agent and not acknowledged.',
    labelNames: ['queue'],
    show: (gauge, { queues }) => {
      for (const { queue, pending } of queues) gauge.set({ queue }, pending);
    },
  },
  {
    name: 'queue_oldest_waiting_seconds',
    help: 'How long the oldest entry that no agent was given has been on the stream; 0 when there is none.',
    labelNames: ['queue'],
    show: (gauge, { queues }) => {
      for (const { queue, oldestWaitingMs } of queues) gauge.set({ queue }, (oldestWaitingMs ?? 0) / 1000);
    },
  },
  {
    name: 'agents',
    help: 'Agents that registered and did not leave.',
    labelNames: ['state'],
    show: (gauge, { agents }) => {
      for (const state of ['live', 'lost'] as const) {
        gauge.set({ state }, agents.filter((agent) => agent.state === state).length);
      }
    },
  },
  {
    name: 'command_type_conflicts',
    help: 'Command types of which live agents announce several versions.',
    show: (gauge, { types }) => gauge.set(types.filter(({ conflict }) => conflict !== null).length),
  },
  {
    name: 'malformed_entries',
    help: 'Entries moved aside: malformed, or without a readable command.',
    show: (gauge, { stats }) => gauge.set(stats.malformedEntries),
  },
  {
    name: 'recovery_paused',
    help: '1 while no agent is declared lost.',
    show: (gauge, { stats }) => gauge.set(stats.recovery.pausedUntil === null ? 0 : 1),
  },
];

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
    const pauses = new Counter({
      name: 'fencepost_recovery_pauses_total',
      help: 'How often recovery paused because Redis was away, stopped, or its clock jumped.',
      registers: [registry],
    });
    this.#metrics = [
      ...gauges.map(({ name, help, labelNames = [], show }) => {
        const made = new Gauge({ name: `fencepost_${name}`, help, labelNames, registers: [registry] });
        return { reset: () => made.reset(), show: (state: State) => show(made, state) };
      }),
      {
        reset: () => pauses.reset(),
        show: ({ stats }) => pauses.inc(stats.recovery.pauses),
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
