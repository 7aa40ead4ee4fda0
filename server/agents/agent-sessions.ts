import { abandon, type Resolved } from '../../shared/lifecycle/recovery.js';
import {
  admit,
  type NameHolder,
  newestSession,
  register,
  registerAgain,
  type RegisterReply,
} from '../../shared/lifecycle/registration.js';
import { bootOf, runOf } from '../../shared/protocol/sessions.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { type PartitionKeys } from '../../shared/store/keys.js';
import { RedisUnavailable } from '../redis/redis-fault.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { holderOf, readRegistration, type AgentRegistration } from './agent-registration.js';

/** The identity of a caller: an agent's name, one run of its process, and the data directory that run has locked. */
export interface Caller {
  readonly agentId: string;
  /** '' for a caller without one. */
  readonly session: string;
  /** undefined for a caller without a data directory, which has no earlier runs that it may continue. */
  readonly instance: string | undefined;
}

/** @param instance as the caller named it; a session with a random part contains it */
export const callerOf = (agentId: string, session: string, instance: string | undefined): Caller => ({
  agentId,
  session,
  instance: instance ?? runOf(session)?.instance,
});

/** A caller that holds its name. */
export interface Registered extends Caller {
  readonly host: string;
}

export type Refusal =
  | { readonly word: 'taken'; readonly holder: NameHolder }
  /** A newer session took over: this one is over. */
  | { readonly word: 'old-session' };

export type Admission =
  | Refusal
  | {
      readonly word: 'ok';
      readonly standing: AgentRegistration;
      /** undefined when the caller holds no name, so that it needs no heartbeats. */
      readonly registered: Registered | undefined;
    };

export interface AgentSessionsOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  readonly leaseMs: number;
  readonly logger: Logger;
}

/** How many agents are remembered as settled; the past of any other is settled once more, which changes nothing. */
const mostRemembered = 10_000;

/**
 * Admits the sessions of agents that use HTTP. Decides nothing itself, but calls `register`, `admit` and
 * `abandon` in the order in which an agent connected to Redis does.
 */
export class AgentSessions {
  readonly #options: AgentSessionsOptions;
  /** The session that has settled here, by agentId. */
  readonly #settled = new Map<string, string>();

  constructor(options: AgentSessionsOptions) {
    this.#options = options;
  }

  /**
   * Takes an agent's name, or renews the hold on it.
   *
   * @param fields more that `GET /agents` shows
   * @param earlier the sessions of its earlier runs that are over for certain
   */
  async register(
    caller: Caller,
    host: string,
    fields: Readonly<Record<string, string | number>> = {},
    earlier: readonly string[] = [],
  ): Promise<Refusal | Extract<RegisterReply, { word: 'ok' }>> {
    const { link, keys, leaseMs } = this.#options;
    const { agentId, session } = caller;
    return link.call(async (redis) => {
      const seen = await newestSession(redis, keys, agentId);
      const agent = { agentId, session, ...nameOf(caller), host, leaseMs, fields, earlier };
      const reply = await register(redis, agent);
      if (reply.word !== 'ok') return reply;
      const word = await admit(redis, keys, agentId, session, seen);
      if (word === 'ok') return reply;
      // When no session is the newest, the keys were deleted between the two calls, and no session took over.
      if ((await newestSession(redis, keys, agentId)) !== '') return { word };
      throw new RedisUnavailable('the session was deleted while it was being registered');
    });
  }

  /**
   * Admits a session that polls. One that was not seen before becomes the newest; with an instance, whose
   * lock proves that its earlier runs are over, it also holds the name from now on, and what those runs left
   * is settled at once. Only a poll does that: by then the agent has reported every outcome in its journal.
   */
  async admit(polling: Caller): Promise<Admission> {
    const { link, keys } = this.#options;
    const standing = await link.call((redis) => readRegistration(redis, keys, polling.agentId));
    const caller = recognized(polling, standing);
    const isHolder = holdsName(caller, standing);
    const { registration } = standing;
    if (registration && registration.leaseLeftMs > 0 && !isHolder) {
      return { word: 'taken', holder: holderOf(registration) };
    }
    if (caller.session === '') return { word: 'ok', standing, registered: undefined };
    const refusal = await this.#takeOver(caller, standing, isHolder);
    const registered = isHolder || caller.instance !== undefined;
    const host = isHolder ? (registration?.host ?? '') : '';
    return refusal ?? { word: 'ok', standing, registered: registered ? { ...caller, host } : undefined };
  }

  async #takeOver(
    caller: Caller,
    standing: AgentRegistration,
    isHolder: boolean,
  ): Promise<Refusal | undefined> {
    const { link, keys, leaseMs } = this.#options;
    const { agentId, session } = caller;
    const { newest, registration } = standing;
    const isNewest = newest === session;
    if (isNewest && registration?.session === session) {
      // An agent's poll is its heartbeat. While a poll is held, `PollHeartbeats` renews the registration.
      const isLate = registration.silentMs > (leaseMs * 2) / 3;
      const [refusal] = isLate ? await this.beat([{ ...caller, host: registration.host }]) : [];
      if (refusal) return refusal;
    } else if (isHolder || caller.instance !== undefined) {
      const reply = await this.register(caller, isHolder ? (registration?.host ?? '') : '');
      if (reply.word !== 'ok') return reply;
    } else if (!isNewest) {
      const word = await link.call((redis) => admit(redis, keys, agentId, session, newest));
      if (word !== 'ok') return { word };
    }
    return this.#settle(caller);
  }

  /**
   * Sends the heartbeats of sessions that hold their names.
   *
   * @returns per caller, in order, why it may not go on; undefined when it may
   */
  async beat(callers: readonly Registered[]): Promise<(Refusal | undefined)[]> {
    const { link, leaseMs } = this.#options;
    const names = callers.map((caller) => ({ ...caller, ...nameOf(caller), leaseMs, fields: {} }));
    const replies = await link.call((redis) => registerAgain(redis, names));
    return replies.map((reply) => (reply.word === 'ok' ? undefined : reply));
  }

  /**
   * Settles what the earlier runs of a session left. The session must have reported every outcome in its journal.
   *
   * @param earlier the sessions that are over for certain
   */
  async settle(
    { agentId, session }: Caller,
    earlier: readonly string[] = [],
  ): Promise<Refusal | { readonly word: 'ok'; readonly settled: readonly Resolved[] }> {
    const { link, keys, logger } = this.#options;
    const settled = await link.call((redis) => abandon(redis, keys, agentId, session, earlier));
    if (settled === 'old-session') return { word: settled };
    for (const { id, word, ...about } of settled) {
      logger.warn(
        { commandId: id, agentId, ...about, outcome: word },
        'resolved command of a previous session',
      );
    }
    return { word: 'ok', settled };
  }

  async #settle(caller: Caller): Promise<Refusal | undefined> {
    const { agentId, session, instance } = caller;
    if (instance === undefined || this.#settled.get(agentId) === session) return undefined;
    const reply = await this.settle(caller);
    if (reply.word !== 'ok') return reply;
    this.#settled.delete(agentId);
    this.#settled.set(agentId, session);
    const [oldest] = this.#settled.keys();
    if (this.#settled.size > mostRemembered && oldest !== undefined) this.#settled.delete(oldest);
    return undefined;
  }
}

/** A session that registered with its instance need not repeat it at every poll. */
function recognized(caller: Caller, { registration }: AgentRegistration): Caller {
  const { session, instance } = caller;
  if (instance !== undefined || session === '' || registration?.session !== session) return caller;
  return { ...caller, instance: registration.instance === session ? undefined : registration.instance };
}

function holdsName(caller: Caller, { registration }: AgentRegistration): boolean {
  const { session } = caller;
  if (session === '' || !registration) return false;
  // The same instance is no proof: the data directory may be a copy.
  if (runOf(session) ?? runOf(registration.session)) return registration.session === session;
  return registration.instance === nameOf(caller).instance;
}

/**
 * Returns the instance and the boot by which `register` knows a caller. A caller without a data directory
 * is an instance of its own in every run: it holds its name until it has been silent for a lease, or leaves.
 */
export function nameOf({ session, instance }: Caller): { readonly instance: string; readonly boot: number } {
  if (instance === undefined) return { instance: session, boot: 0 };
  return { instance, boot: bootOf(session, instance) ?? 0 };
}
