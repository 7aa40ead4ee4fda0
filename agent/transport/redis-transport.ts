import { type Redis } from 'ioredis';
import { announce } from '../../shared/lifecycle/type-announcements.js';
import { type HeldAttempt, release, renew, type RenewWord } from '../../shared/lifecycle/attempt-leases.js';
import { type ProgressWord, reportProgress, type ProgressUpdate } from '../../shared/lifecycle/progress.js';
import { abandon, pendingOf, recover, type Resolved } from '../../shared/lifecycle/recovery.js';
import {
  admit,
  leave,
  newestSession,
  register,
  announcedBy,
  type RegisterReply,
} from '../../shared/lifecycle/registration.js';
import {
  report,
  type Report,
  reportAndStart,
  type ReportWord,
  start,
  type StartOptions,
  type StartReply,
} from '../../shared/lifecycle/transitions.js';
import { openQueues } from '../../shared/lifecycle/upkeep.js';
import { drawOrder } from '../../shared/protocol/served-queues.js';
import { fieldOfType } from '../../shared/protocol/type-digest.js';
import { type Moment, now } from '../../shared/runtime/clock.js';
import { type AgentPoint, type Faults } from '../../shared/runtime/faults.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { isAborted, pause } from '../../shared/runtime/service.js';
import { CancelChannel } from './cancel-channel.js';
import { HintChannel } from './hint-channel.js';
import { LaneHints } from './lane-hints.js';
import { connectBlocking, connectCommands } from '../../shared/store/connection.js';
import { checkRedis } from '../../shared/store/redis-check.js';
import { group, type PartitionKeys, partitionKeys } from '../../shared/store/keys.js';
import { OutcomeRefused, refusalByScript, reportEvenIfRefused } from './refused-outcomes.js';
import { Mutex } from './mutex.js';
import { type AgentIdentity } from '../../shared/protocol/agent-identity.js';
import { type AnnouncedType } from '../../shared/protocol/command-types.js';
import {
  type AgentDescription,
  type Demand,
  type NextReply,
  type Transport,
  type Turn,
} from './transport.js';

export interface RedisTransportOptions {
  readonly redisUrl: string;
  readonly agent: AgentIdentity;
  readonly description: AgentDescription;
  readonly leaseMs: number;
  readonly logger: Logger;
  readonly faults: Pick<Faults<AgentPoint>, 'at' | 'poll'>;
  /** Longest BLOCK of a read; 2 s when left out. A test that is about hints takes an hour. */
  readonly longestBlockMs?: number;
}

/** Longest BLOCK of a read: three of them are how long a silently dead link goes unnoticed. */
const longestBlockMs = 2000;
/** Longest BLOCK while one of its queues is paused, since the end of a pause does not wake a blocked read. */
const longestBlockWhilePausedMs = 500;

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
  readonly startsWhenItReports = true;
  /**
   * One call that starts commands at a time: another one would not know of what the first was given,
   * and be given it again.
   */
  readonly #starting = new Mutex();
  /** The paused queues, as of the last `start`. */
  #paused: ReadonlySet<string> = new Set();
  readonly #cancels: CancelChannel;
  readonly #lanes: LaneHints;
  readonly #laneChannel: HintChannel;
  readonly #logger: Logger;
  #isChecked = false;
  readonly renewAfterMs: number;

  constructor(options: RedisTransportOptions) {
    const { redisUrl, agent, description, leaseMs, logger, faults } = options;
    this.#faults = faults;
    this.#logger = logger;
    this.#agent = agent;
    this.#session = agent.session;
    this.#description = description;
    this.#leaseMs = leaseMs;
    this.#blockMs = Math.min(options.longestBlockMs ?? longestBlockMs, Math.floor(leaseMs / 3));
    const events = {
      onReady: () => logger.debug('connected to Redis'),
      onError: (error: Error) => logger.debug({ err: error }, 'Redis connection'),
    };
    // A call that hangs must leave time for another one within the lease.
    this.#redis = connectCommands(redisUrl, events, Math.floor(leaseMs / 4));
    this.#blocking = connectBlocking(redisUrl, this.#blockMs);
    this.#lanes = new LaneHints(description);
    this.#laneChannel = new HintChannel({
      url: redisUrl,
      channelOf: (keys) => keys.movedToLanes,
      without: 'this agent finds a command that waits for its types up to 2 s later',
      logger,
    });
    this.#cancels = new CancelChannel(redisUrl, agent.agentId, logger);
    this.renewAfterMs = leaseMs / 4;
  }

  /** @throws UnusableRedisError or SchemaVersionError, before anything is written, where no waiting helps */
  async register(): Promise<RegisterReply> {
    await this.#check();
    const { agentId } = this.#agent;
    const seen = await newestSession(this.#redis, this.#keys, agentId);
    const reply = await this.#register();
    if (reply.word !== 'ok') return reply;
    const word = await admit(this.#redis, this.#keys, agentId, this.#session, seen);
    if (word === 'ok') return reply;
    // All keys were deleted between the two calls: no other session took the name over.
    if ((await newestSession(this.#redis, this.#keys, agentId)) === '') {
      throw new Error('the session was deleted while it was being registered');
    }
    return { word };
  }

  /** Once: what changes later is for the calls themselves to find out. */
  async #check(): Promise<void> {
    if (this.#isChecked) return;
    for (const limit of await checkRedis(this.#redis, 'agent')) this.#logger.warn(limit);
    this.#isChecked = true;
  }

  /** @param more fields that stay until this session, or another one, sets them anew */
  #register(more: Readonly<Record<string, string>> = {}): Promise<RegisterReply> {
    const { host, queues, weights = [], types, ...rest } = this.#description;
    const lists = { queues: queues.join(','), weights: weights.join(','), types: types.join(',') };
    const fields = { ...rest, ...lists, ...more };
    return register(this.#redis, { ...this.#agent, host, leaseMs: this.#leaseMs, fields });
  }

  async announce(types: readonly AnnouncedType[]): Promise<readonly string[]> {
    const { word } = await this.#register({ announced: announcedBy(this.#session, types.map(fieldOfType)) });
    // A session without its name must not affect which payloads are accepted. The heartbeat ends its agent.
    if (word !== 'ok') throw new Error(`this session does not have its name any more (${word})`);
    return announce(this.#redis, types);
  }

  async next(demand: () => Demand, signal: AbortSignal): Promise<NextReply> {
    this.#faults.poll();
    this.#laneChannel.listen({
      onMessage: (lanes) => this.#lanes.note(lanes.split('\n')),
      onGap: () => this.#lanes.note('gap'),
    });
    let hints = this.#lanes.count;
    const first = await this.#start(demand);
    if (first.word === 'old-session' || isEnough(first) || signal.aborted) return first;
    // A turn took the places meanwhile: there is nothing to wait for.
    if (isEmpty(demand())) return first;
    // Ends with this call, or with `signal`.
    const over = new AbortController();
    const until = AbortSignal.any([signal, over.signal]);
    const read = this.#waitForEntry(until).then(() => 'read' as const);
    try {
      for (;;) {
        const end = await Promise.race([read, this.#lanes.after(hints, until)]);
        // Every entry that the read delivered is in this agent's pending list now, even when the reply was
        // lost or cut off, and `start` finds it there.
        if (isAborted(signal)) return { ...first, started: [] };
        hints = this.#lanes.count;
        const found = await this.#start(demand);
        // Other agents may have been quicker to take what was moved to a lane: then the read goes on.
        if (end === 'read' || isEnough(found) || isEmpty(demand())) return found;
      }
    } finally {
      over.abort();
      // An error of the read must not discard what was started after a hint: the next read meets it again.
      await read.catch(() => undefined);
    }
  }

  async #start(demand: () => Demand): Promise<NextReply> {
    const free = await this.#starting.enter();
    try {
      const asked = demand();
      const askedAt = now();
      if (isEmpty(asked)) return { word: 'ok', started: [], askedAt };
      const answer = start(this.#redis, this.#keys, this.#startOptions(asked));
      this.#faults.at('start-sent');
      return this.#nextReplyOf(await answer, askedAt);
    } finally {
      free();
    }
  }

  #nextReplyOf(reply: StartReply, askedAt: Moment): NextReply {
    if (reply.word !== 'ok') return reply;
    this.#paused = new Set(reply.paused);
    return { word: 'ok', started: reply.started, askedAt };
  }

  #startOptions({ limit, inFlight }: Demand): StartOptions {
    const { types } = this.#description;
    const queues = drawOrder(this.#description);
    return { agentId: this.#agent.agentId, session: this.#session, limit, queues, types, inFlight };
  }

  /**
   * Resolves when one of the queues gave this agent an entry, after BLOCK, or on `signal`.
   *
   * @param missed how many reads before this one found no stream, though there was none to make
   */
  async #waitForEntry(signal: AbortSignal, missed = 0): Promise<void> {
    const open = this.#description.queues.filter((queue) => !this.#paused.has(queue));
    const blockMs =
      this.#paused.size === 0 ? this.#blockMs : Math.min(this.#blockMs, longestBlockWhilePausedMs);
    if (open.length === 0) return pause(blockMs, signal);
    const streams = open.map((queue) => this.#keys.stream(queue));
    const read = this.#blocking.xreadgroup(
      'GROUP',
      group,
      this.#agent.agentId,
      'COUNT',
      1,
      'BLOCK',
      blockMs,
      'STREAMS',
      ...streams,
      ...streams.map(() => '>'),
    );
    let missing: Error | undefined;
    // The only way to end a blocked read from here is to end its connection.
    const cut = () => this.#blocking.disconnect(true);
    signal.addEventListener('abort', cut, { once: true });
    try {
      if ((await read) !== null) this.#faults.at('entry-read');
    } catch (error) {
      if (isAborted(signal)) return;
      if (!isMissing(error)) throw error;
      missing = error;
    } finally {
      signal.removeEventListener('abort', cut);
    }
    if (missing === undefined) return;
    const isMade = await openQueues(this.#redis, this.#keys, open);
    if (isAborted(signal)) return;
    // Others were quicker, with the queues that were retired one by one; or the read would fail at once for ever.
    if (!isMade && missed >= mostMissed) throw missing;
    await this.#waitForEntry(signal, isMade ? 0 : missed + 1);
  }

  async report(reports: readonly Report[], turn?: Turn): Promise<ReportWord[]> {
    try {
      return await this.#reportTogether(reports, turn);
    } catch (error) {
      if (refusalByScript(error) === undefined) throw error;
    }
    // One of them is refused, and nothing was stored: it must not hold up the others.
    const words: ReportWord[] = [];
    for (const one of reports)
      words.push(await reportEvenIfRefused(one, (it) => this.#reportOne(it), this.#logger));
    return words;
  }

  /** @throws OutcomeRefused where the script does not take it */
  async #reportOne(one: Report): Promise<ReportWord> {
    try {
      const [word = 'broken'] = await this.#sent(report(this.#redis, this.#keys, [one]));
      return word;
    } catch (error) {
      const why = refusalByScript(error);
      throw why === undefined ? error : new OutcomeRefused(why);
    }
  }

  async #reportTogether(reports: readonly Report[], turn?: Turn): Promise<ReportWord[]> {
    if (!turn) return this.#sent(report(this.#redis, this.#keys, reports));
    const free = await this.#starting.enter();
    try {
      const demand = turn.demand();
      if (isEmpty(demand)) {
        // Nothing is started, so no other call has to wait for the answer.
        free();
        return await this.#sent(report(this.#redis, this.#keys, reports));
      }
      this.#faults.poll();
      const askedAt = now();
      const answer = reportAndStart(this.#redis, this.#keys, reports, this.#startOptions(demand));
      this.#faults.at('start-sent');
      const { words, started } = await this.#sent(answer);
      if (started) turn.onAnswer(this.#nextReplyOf(started, askedAt));
      return words;
    } finally {
      free();
    }
  }

  #sent<T>(answer: Promise<T>): Promise<T> {
    this.#faults.at('report-sent');
    return answer;
  }

  renew(held: readonly HeldAttempt[]): Promise<RenewWord[]> {
    return renew(this.#redis, this.#keys, this.#agent.agentId, this.#session, held);
  }

  reportProgress(told: readonly ProgressUpdate[]): Promise<ProgressWord[]> {
    return reportProgress(this.#redis, this.#keys, this.#agent.agentId, this.#session, told);
  }

  hearCancels(onHint: (hint: HeldAttempt | 'gap') => void): void {
    this.#cancels.listen(onHint);
  }

  settle(): Promise<'old-session' | readonly Resolved[]> {
    return abandon(this.#redis, this.#keys, this.#agent.agentId, this.#session, this.#agent.earlier);
  }

  async releaseUnstarted(): Promise<number> {
    const { agentId } = this.#agent;
    const pending = await pendingOf(this.#redis, this.#keys, agentId, this.#description.queues);
    // The script refuses what was started, so this needs no list of what is in flight.
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
    this.#laneChannel.close();
  }
}

const isEnough = (reply: NextReply) => reply.word === 'old-session' || reply.started.length > 0;

/** Reads in a row that find no stream, though there is none to make. */
const mostMissed = 20;

/**
 * Whether a blocking read failed because a stream or its group does not exist: the queue has not been used
 * yet, or it was retired, which ends reads that wait at it, too.
 */
const isMissing = (error: unknown): error is Error =>
  error instanceof Error && /^(NOGROUP|UNBLOCKED)/.test(error.message);

const isEmpty = ({ limit, inFlight }: Demand) => limit <= inFlight.length;
