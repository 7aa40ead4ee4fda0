import { Redis, type RedisOptions } from 'ioredis';
import { backoffMs } from '../runtime/backoff.js';
import { redisAddress } from '../runtime/redis-url.js';
import { checkBeforeUse } from './handshake.js';

/** The events of a connection, for logs. */
export interface ConnectionEvents {
  /** The connection is usable, for the first time or again. */
  onReady?: () => void;
  /** The connection broke, or could not be made. Called for every attempt. */
  onError?: (error: Error) => void;
}

/**
 * Longest pause between two attempts to connect. Must stay below a sixth of any lease (LEASE_MS is
 * at least 1000): after an outage, live agents must have renewed before recovery acts again.
 */
const longestReconnectMs = 160;

/** How long a call may take before it counts as failed; a server owes every client an answer within 2 s. */
const commandTimeoutMs = 1500;

const common = {
  connectTimeout: 1000,
  // A client that is closed while it has no connection keeps a timer for this long, and its process alive with it.
  disconnectTimeout: 250,
  retryStrategy: (times: number) => 10 + backoffMs(times, { firstMs: 20, maxMs: longestReconnectMs - 10 }),
  // A failover turns the old primary into a replica: connect anew. Not with a resend (2), which would
  // connect again for every call that waits, hundreds of times.
  reconnectOnError: (error: Error) => (error.message.startsWith('READONLY') ? 1 : false),
  // Nothing needs the name of this library in CLIENT LIST, and not every user may set it.
  disableClientInfo: true,
} as const satisfies Partial<RedisOptions>;

/**
 * A connection for commands and scripts. While Redis is away a call waits for it, `timeoutMs` at most,
 * then rejects: its outcome is unknown, and it may still be carried out later. Only what is safe to
 * send twice and safe to arrive late may go over it.
 *
 * @param timeoutMs how long a call may take, at most 1.5 s
 */
export function connectCommands(
  url: string,
  events: ConnectionEvents = {},
  timeoutMs = commandTimeoutMs,
): Redis {
  // After so many failed attempts to connect, about a second and a half, what waits is given up:
  // in a long outage the queue in memory must not grow.
  return connect(url, events, {
    maxRetriesPerRequest: 15,
    commandTimeout: Math.min(timeoutMs, commandTimeoutMs),
    socketTimeout: 4000,
  });
}

/**
 * A connection for blocking reads, and nothing else: they would hold up whatever is sent behind them.
 *
 * `socketTimeout` is what notices a link that died in silence. Never `blockingTimeout` or
 * `commandTimeout` here: both settle a read whose entry then arrives when no caller waits for it.
 *
 * @param blockMs the BLOCK of its reads
 */
export function connectBlocking(url: string, blockMs: number, events: ConnectionEvents = {}): Redis {
  // The fetch loop retries by itself, so a read is never resent behind its back.
  return connect(url, events, { maxRetriesPerRequest: 0, socketTimeout: 3 * blockMs });
}

/**
 * A connection that listens to channels. It does not subscribe by itself, neither at first nor after a break: that is for
 * `onReady`. ioredis would do so after a break without handling its promise: a connection that is closed before the answer
 * is then an unhandled rejection, which ends the process.
 *
 * @param silenceMs how long an answer may take before the link counts as dead. A connection that only
 *   listens never notices a link that died in silence: something has to be asked over it now and then
 */
export function connectSubscriber(url: string, events: ConnectionEvents = {}, silenceMs?: number): Redis {
  const ends = silenceMs === undefined ? {} : { socketTimeout: silenceMs };
  return connect(url, events, { maxRetriesPerRequest: null, autoResubscribe: false, ...ends });
}

function connect(url: string, events: ConnectionEvents, options: Partial<RedisOptions>): Redis {
  const { onReady, onError } = events;
  // v5 reply shapes: the scripts and `command-reader.ts` parse arrays, whatever RESP is spoken.
  const redis: Redis = new Redis({ ...common, ...options, ...redisAddress(url), replyMapping: 'legacy' });
  checkBeforeUse(redis);
  if (onReady) redis.on('ready', onReady);
  // Without a listener ioredis writes to stderr by itself.
  redis.on('error', (error: Error) => onError?.(error));
  return redis;
}
