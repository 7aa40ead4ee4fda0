import { type Redis } from 'ioredis';
import { type HeldAttempt, release, renew, type RenewWord } from '../lifecycle/holding.js';
import { abandon, pendingOf, recover, type Resolved } from '../lifecycle/recovery.js';
import {
  admit,
  leave,
  newestSession,
  register,
  type RegisterReply,
  sessionOf,
} from '../lifecycle/registration.js';
import { report, type Report, type ReportWord, start } from '../lifecycle/transitions.js';
import { now } from '../runtime/clock.js';
import { type AgentPoint, type Faults } from '../runtime/faults.js';
import { type Logger } from '../runtime/logger.js';
import { isAborted } from '../runtime/service.js';
import { announce } from '../store/announcements.js';
import { CancelChannel } from './cancel-channel.js';
import { connectBlocking, connectCommands } from '../store/connection.js';
import { group, type PartitionKeys, partitionKeys } from '../store/keys.js';
import {
  type AgentDescription,
  type AgentIdentity,
  type AnnouncedType,
  type Demand,
  type NextReply,
  type Transport,
} from './transport.js';

export interface RedisTransportOptions {
  readonly redisUrl: string;
  readonly agent: AgentIdentity;
  readonly description: AgentDescription;
  readonly leaseMs: number;
  readonly logger: Logger;
  readonly faults: Pick<Faults<AgentPoint>, 'at' | 'poll'>;
}

/** Longest BLOCK of a read: three of them are how long a silently dead link goes unnoticed. */
const longestBlockMs = 2000;

/**
 * An agent that speaks to Redis itself: the scripts over one connection, blocking reads over another.
 *
 * When Redis is away every call throws within 1.5 s; both connections come back by themselves.
 */
export class RedisTransport implements Transport {
  readonly #agent: AgentIdentity;
  readonly #session: string;
  readonly #description: AgentDescription;
  readonly #leaseMs: number;
  readonly #keys: PartitionKeys = partitionKeys();
  readonly #redis: Redis;
  readonly #blocking: Redis;
  readonly #blockMs: number;
  readonly #faults: Pick<Faults<AgentPoint>, 'at' | 'poll'>;
  readonly #cancels: CancelChannel;
  readonly renewAfterMs: number;

  constructor({ redisUrl, agent, description, leaseMs, logger, faults }: RedisTransportOptions) {
    this.#faults = faults;
    this.#agent = agent;
    this.#session = sessionOf(agent);
    this.#description = description;
    this.#leaseMs = leaseMs;
    this.#blockMs = Math.min(longestBlockMs, Math.floor(leaseMs / 3));
    const events = {
      onReady: () => logger.debug('connected to Redis'),
      onError: (error: Error) => logger.debug({ err: error }, 'Redis connection'),
    };
    // A call that hangs must leave time for another one within the lease.
    this.#redis = connectCommands(redisUrl, events, Math.floor(leaseMs / 4));
    this.#blocking = connectBlocking(redisUrl, this.#blockMs);
    this.#cancels = new CancelChannel(redisUrl, this.#keys.cancels(agent.agentId), logger);
    this.renewAfterMs = leaseMs / 4;
  }

  async register(): Promise<RegisterReply> {
    const { agentId, instance, boot } = this.#agent;
    const { host, queues, types, ...rest } = this.#description;
    const seen = await newestSession(this.#redis, this.#keys, agentId);
    const reply = await register(this.#redis, {
      agentId,
      instance,
      boot,
      host,
      leaseMs: this.#leaseMs,
      fields: { ...rest, queues: queues.join(','), types: types.join(',') },
    });
    if (reply.word !== 'ok') return reply;
    const word = await admit(this.#redis, this.#keys, agentId, this.#session, seen);
    if (word === 'ok') return reply;
    // Between the two calls somebody deleted everything: nobody took the name over.
    if ((await newestSession(this.#redis, this.#keys, agentId)) === '') {
      throw new Error('the session was deleted while it was being registered');
    }
    return { word };
  }

  announce(types: readonly AnnouncedType[], which: 'all' | 'missing'): Promise<void> {
    return announce(this.#redis, types, which);
  }

  async next(demand: () => Demand, signal: AbortSignal): Promise<NextReply> {
    this.#faults.poll();
    const first = await this.#start(demand());
    if (first.word === 'old-session' || first.started.length > 0 || signal.aborted) return first;
    await this.#waitForEntry(signal);
    // Whatever the read delivered is in this agent's pending list now, also when its reply was lost
    // or cut off, and `start` finds it there.
    return isAborted(signal) ? { ...first, started: [] } : this.#start(demand());
  }

  async #start({ limit, inHands }: Demand): Promise<NextReply> {
    const { queues, types } = this.#description;
    const askedAt = now();
    const answer = start(this.#redis, this.#keys, {
      agentId: this.#agent.agentId,
      session: this.#session,
      limit,
      queues,
      types,
      inHands,
    });
    this.#faults.at('start-sent');
    const reply = await answer;
    return reply.word === 'ok' ? { word: 'ok', started: reply.started, askedAt } : reply;
  }

  /** Resolves when one of the queues gave this agent an entry, after BLOCK, or on `signal`. */
  async #waitForEntry(signal: AbortSignal): Promise<void> {
    const streams = this.#description.queues.map((queue) => this.#keys.stream(queue));
    const read = this.#blocking.xreadgroup(
      'GROUP',
      group,
      this.#agent.agentId,
      'COUNT',
      1,
      'BLOCK',
      this.#blockMs,
      'STREAMS',
      ...streams,
      ...streams.map(() => '>'),
    );
    // The only way to end a blocked read from here is to end its connection.
    const cut = () => this.#blocking.disconnect(true);
    signal.addEventListener('abort', cut, { once: true });
    try {
      if ((await read) !== null) this.#faults.at('entry-read');
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', cut);
    }
  }

  report(reports: readonly Report[]): Promise<ReportWord[]> {
    const answer = report(this.#redis, this.#keys, reports);
    this.#faults.at('report-sent');
    return answer;
  }

  renew(held: readonly HeldAttempt[]): Promise<RenewWord[]> {
    return renew(this.#redis, this.#keys, this.#agent.agentId, this.#session, held);
  }

  hearCancels(onHint: (hint: HeldAttempt | 'gap') => void): void {
    this.#cancels.listen(onHint);
  }

  settle(): Promise<'old-session' | readonly Resolved[]> {
    return abandon(this.#redis, this.#keys, this.#agent.agentId, this.#session);
  }

  async handBack(): Promise<number> {
    const { agentId } = this.#agent;
    const pending = await pendingOf(this.#redis, this.#keys, agentId, this.#description.queues);
    // What was started is refused by the script, so this needs no list of what is in hand.
    const items = pending.map((one) => ({ ...one, attempt: 0 }));
    const words = await release(this.#redis, this.#keys, agentId, this.#session, items);
    return words.filter((word) => word === 'released').length;
  }

  async recover(): Promise<readonly Resolved[]> {
    return (await recover(this.#redis, this.#keys, this.#leaseMs)).resolved;
  }

  async leave(): Promise<void> {
    const { agentId, instance, boot } = this.#agent;
    await leave(this.#redis, agentId, instance, boot);
  }

  close(): void {
    this.#redis.disconnect();
    this.#blocking.disconnect();
    this.#cancels.close();
  }
}
