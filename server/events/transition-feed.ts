import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type Json, type Status, statusSchema } from '../../shared/protocol/commands.js';
import { type Logger } from '../../shared/runtime/logger.js';
import { Loop, type Service } from '../../shared/runtime/service.js';
import { connectSubscriber } from '../../shared/store/connection.js';
import { partitionKeys } from '../../shared/store/keys.js';
import { isAnswer } from '../redis/redis-fault.js';

/** One change of a command, as the scripts publish it: a step, or the progress that its attempt reports. */
export interface Transition {
  readonly id: string;
  readonly status: Status;
  readonly attempt: number;
  /** null for a step. */
  readonly progress: Json;
}

export interface TransitionListener {
  onTransition(transition: Transition): void;
  /** Messages may have been missed up to now: a listener that needs the current state must read it. */
  onGap(): void;
}

export interface TransitionFeedOptions {
  readonly url: string;
  readonly logger: Logger;
  /** How often Redis is probed; an answer that is late by twice that means a dead connection. */
  readonly probeMs?: number;
  /** How often listeners are sent a gap, and how often it is logged, while Redis refuses the subscription. */
  readonly refusedMs?: { readonly gap: number; readonly log: number };
}

/** Clients of the events read everything again at a gap: often enough to follow, and not all the time. */
const usualRefusedMs = { gap: 5000, log: 60_000 };

/** A line of a message: `<id> <STATUS> <attempt>`, followed by the progress as JSON when it is no step. */
const lineSchema = z
  .tuple([z.string(), statusSchema, z.coerce.number().int()], z.string())
  .transform(([id, status, attempt, ...rest], context): Transition => {
    if (rest.length === 0) return { id, status, attempt, progress: null };
    try {
      // Joined, this is the JSON as the script wrote it.
      return { id, status, attempt, progress: JSON.parse(rest.join(' ')) as Json };
    } catch {
      context.addIssue({ code: 'custom', message: 'is not JSON' });
      return z.NEVER;
    }
  });

/**
 * Delivers the transitions of all commands to its listeners. They are hints, not a log: a channel keeps
 * nothing for subscribers that are absent, so listeners are sent a gap after every (re)subscription.
 *
 * When its connection dies, or falls silent, it reconnects by itself; until then listeners receive nothing
 * and rely on what they read. Where Redis refuses the subscription, it is retried, and listeners are sent
 * a gap every few seconds, since nothing else ever comes.
 */
export class TransitionFeed implements Service {
  readonly #options: TransitionFeedOptions;
  readonly #listeners = new Map<string, Set<TransitionListener>>();
  readonly #listenersToAll = new Set<TransitionListener>();
  readonly #probeMs: number;
  readonly #probes: Loop;
  #redis: Redis | undefined;
  #gapAt = -Infinity;
  #refusalLoggedAt = -Infinity;

  constructor(options: TransitionFeedOptions) {
    this.#options = options;
    this.#probeMs = options.probeMs ?? 2000;
    this.#probes = new Loop({
      name: 'asking the feed for a sign of life',
      intervalMs: this.#probeMs,
      logger: options.logger,
      tick: () => this.#probe(),
    });
  }

  /** Resolves at once: when Redis is unavailable, the subscription follows once it is back. */
  async start(): Promise<void> {
    if (!this.#redis) {
      const onReady = () => void this.#subscribe(redis);
      const redis: Redis = connectSubscriber(this.#options.url, { onReady }, 2 * this.#probeMs);
      redis.on('message', (_channel: string, message: string) => this.#hear(message));
      this.#redis = redis;
    }
    await this.#probes.start();
  }

  async stop(): Promise<void> {
    this.#redis?.disconnect();
    this.#redis = undefined;
    await this.#probes.stop();
  }

  /** Listens to one command. @returns a function that ends that */
  listen(id: string, listener: TransitionListener): () => void {
    const ofCommand = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, ofCommand.add(listener));
    return () => {
      ofCommand.delete(listener);
      if (ofCommand.size === 0 && this.#listeners.get(id) === ofCommand) this.#listeners.delete(id);
    };
  }

  /** Listens to all commands. @returns a function that ends that */
  listenToAll(listener: TransitionListener): () => void {
    this.#listenersToAll.add(listener);
    return () => void this.#listenersToAll.delete(listener);
  }

  /** The number of commands that have a listener. */
  get size(): number {
    return this.#listeners.size;
  }

  async #subscribe(redis: Redis): Promise<void> {
    try {
      await redis.subscribe(this.#channelOf(redis));
    } catch (error) {
      // The connection broke again: the next `ready` subscribes anew.
      if (!isAnswer(error)) return this.#options.logger.debug({ err: error }, 'subscribing failed');
      return this.#isRefused(error);
    }
    this.#sendGap();
  }

  #channelOf({ options: { db } }: Redis): string {
    return partitionKeys(undefined, db).events;
  }

  #isRefused(error: Error): void {
    const { refusedMs = usualRefusedMs, logger } = this.#options;
    const now = performance.now();
    if (now - this.#refusalLoggedAt >= refusedMs.log) {
      this.#refusalLoggedAt = now;
      logger.warn(
        `Redis refuses the subscription to events (${error.message}): GET /events sends nothing but resync, and ?wait= looks once a second; allow it: ACL SETUSER <user> +subscribe &fencepost:*`,
      );
    }
    if (now - this.#gapAt >= refusedMs.gap) this.#sendGap();
  }

  #sendGap(): void {
    this.#gapAt = performance.now();
    for (const ofCommand of this.#listeners.values()) for (const listener of ofCommand) listener.onGap();
    for (const listener of this.#listenersToAll) listener.onGap();
  }

  /** Probes the connection by subscribing once more; the connection breaks when there is no answer in time. */
  async #probe(): Promise<void> {
    const redis = this.#redis;
    if (redis?.status !== 'ready') return;
    try {
      await redis.subscribe(this.#channelOf(redis));
    } catch (error) {
      // Anything else is a broken connection, which `ready` deals with.
      if (isAnswer(error)) this.#isRefused(error);
    }
  }

  #hear(message: string): void {
    if (this.#listeners.size === 0 && this.#listenersToAll.size === 0) return;
    for (const line of message.split('\n')) {
      const words = line.split(' ');
      const listeners = [...(this.#listeners.get(words[0] ?? '') ?? []), ...this.#listenersToAll];
      const transition = listeners.length > 0 && lineSchema.safeParse(words).data;
      if (transition) for (const listener of listeners) listener.onTransition(transition);
    }
  }
}
