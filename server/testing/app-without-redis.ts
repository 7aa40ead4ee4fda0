import { type Express } from 'express';
import { partitionKeys } from '../../shared/store/keys.js';
import { createLogger } from '../../shared/runtime/logger.js';
import { noFaults as faults } from '../../shared/runtime/faults.js';
import { AgentSessions } from '../agents/agent-sessions.js';
import { NextCommands } from '../agents/next-commands.js';
import { LongPollRegistry } from '../agents/long-poll-registry.js';
import { type AppOptions, createApp } from '../app.js';
import { EventStreams } from '../events/event-streams.js';
import { HeldAnswers } from '../http/held-answers.js';
import { type Bounds } from '../http/peer-count.js';
import { Metrics } from '../status/metrics.js';
import { RedisUnavailable } from '../redis/redis-fault.js';
import { type RedisCalls } from '../redis/redis-link.js';
import { RedisClock } from '../redis/redis-clock.js';
import { SchemaChecker } from '../types/schema-checker.js';
import { Submitter } from '../commands/submitter.js';
import { TypeCatalog } from '../types/type-catalog.js';
import { CommandWaiter } from '../commands/command-waiter.js';
import { TransitionFeed } from '../events/transition-feed.js';

const link: RedisCalls = { call: () => Promise.reject(new RedisUnavailable('there is none')) };
const gone = () => link.call(() => Promise.reject(new Error('it is away')));

/** The real app with its Redis away for good: every answer is decided before Redis is reached. */
export function appWithoutRedis({
  host = '127.0.0.1',
  allowedHosts,
  held = { inAll: Infinity, perPeer: Infinity },
}: Partial<Pick<AppOptions, 'host' | 'allowedHosts'>> & { readonly held?: Bounds } = {}): Express {
  const keys = partitionKeys();
  const logger = createLogger({ side: 'server', level: 'silent', pretty: false });
  const feed = new TransitionFeed({ url: 'redis://127.0.0.1:1', logger });
  const leaseMs = 15_000;
  const polls = new LongPollRegistry({ link, keys, feed, logger });
  const admissions = new AgentSessions({ link, keys, leaseMs, logger });
  const waiter = new CommandWaiter({ read: gone, readStatus: gone, feed });
  const eventStreams = new EventStreams({ feed, logger });
  const catalog = new TypeCatalog(() => Promise.resolve({ nowMs: 0, texts: {}, agents: new Map() }));
  return createApp({
    link,
    keys,
    nextCommands: new NextCommands({ link, keys, admissions, polls, faults }),
    admissions,
    polls,
    leaseMs,
    faults,
    catalog,
    checker: new SchemaChecker(),
    submitter: new Submitter({ link, keys, clock: new RedisClock(), maxBacklog: 10 }),
    waiter,
    eventStreams,
    held: new HeldAnswers(held),
    metrics: new Metrics({ link, keys, catalog, waiter, polls, eventStreams }),
    runningAtStartup: () => null,
    host,
    allowedHosts,
    logger,
  });
}
