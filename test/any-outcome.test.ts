import { type Redis } from 'ioredis';
import { z } from 'zod';
import { completion } from '../agent/outcome.js';
import { InvalidProgressError, ProgressReporter } from '../agent/progress-reporter.js';
import { Runner } from '../agent/runner.js';
import { defineCommand } from '../agent/commands/define-command.js';
import { ExecutionError, type CommandType } from '../agent/commands/command-type.js';
import { LazyAbortSignal } from '../agent/lazy-abort-signal.js';
import { Server } from '../server/server.js';
import { ResponseLostError, ServerUnavailableError } from '../shared/client/errors.js';
import { cancel, seeCommands } from '../shared/lifecycle/cancel-and-retry.js';
import { identityOf } from '../testing/agent-identity.js';
import { type ProgressUpdate } from '../shared/lifecycle/progress.js';
import { type Outcome, type StartedCommand, submit } from '../shared/lifecycle/transitions.js';
import { reportBodySchema } from '../shared/protocol/agent-api.js';
import { limits, type Progress } from '../shared/protocol/commands.js';
import { isNestedDeeper } from '../shared/protocol/json-depth.js';
import { noFaults } from '../shared/runtime/faults.js';
import { createLogger } from '../shared/runtime/logger.js';
import { CommandReader } from '../shared/store/command-reader.js';
import { partitionKeys } from '../shared/store/keys.js';
import { newCommand } from '../testing/command-fixtures.js';
import { byExtent } from '../testing/extent.js';
import { anyThrown, anyValue } from '../testing/generated-javascript.js';
import {
  below,
  diceOf,
  generatedCount,
  oneOf,
  type Random,
  reproductionOf,
} from '../testing/generated-values.js';
import { TestRedis } from '../testing/redis-server.js';
import { bodyOf } from '../agent/transport/http-bodies.js';
import { HttpTransport } from '../agent/transport/http-transport.js';
import { RedisTransport } from '../agent/transport/redis-transport.js';
import { type AgentIdentity } from '../shared/protocol/agent-identity.js';
import { type Transport } from '../agent/transport/transport.js';

/**
 * A command comes to rest, can be read, and does its neighbours no harm, over both transports, whatever its
 * handler returns, throws, attaches or reports. In `npm test` a quarter of the values go over HTTP, where each
 * costs four times as much, with `TESTS=long` all.
 */

const logger = createLogger({ side: 'agent', level: 'silent' });
const keys = partitionKeys();
// No test here is about a lease, so none may end.
const leaseMs = 24 * 3600 * 1000;
// Small, since over HTTP each poll lists all held commands, and after a late answer the whole batch is reported
// again.
const perBatch = 20;

let redis: TestRedis;
let client: Redis;
let server: Server;
let reader: CommandReader;

beforeAll(async () => {
  redis = await TestRedis.start();
  client = redis.client();
  const options = { host: '127.0.0.1', port: 0, leaseMs, graceMs: 1000, maxBacklog: 10_000, logger };
  server = new Server({ ...options, redisUrl: redis.url });
  await server.start();
  reader = new CommandReader(client, keys);
});
afterAll(async () => {
  await server.stop();
  await redis.stop();
});

async function forgetAll(): Promise<void> {
  const meta = await client.hgetall('fencepost:meta');
  await client.flushall();
  await client.hset('fencepost:meta', meta);
}

const transports = {
  redis: (agent: AgentIdentity) =>
    new RedisTransport({ redisUrl: redis.url, agent, description, leaseMs, logger, faults: noFaults }),
  http: (agent: AgentIdentity) =>
    new HttpTransport({
      ...{ serverUrls: [server.url], agent, description, leaseMs, pollIntervalMs: 50, logger },
      faults: noFaults,
    }),
};
const description = {
  host: 'h',
  pid: 7,
  version: '1',
  queues: ['default'],
  types: ['ANY'],
  concurrency: 1000,
};

// Only so that a test that hangs ends: so many values take as long as they take.
jest.setTimeout(3_600_000);

/** Returns what a handler does instead of work. Every tenth does what is right, beside the others in their batch. */
function handlerOf(random: Random, index: number): () => unknown {
  if (index % 10 === 0) return () => ({ ok: true });
  if (random() < 0.4) return () => anyValue(random);
  if (random() < 0.5) {
    return () => {
      throw anyThrown(random);
    };
  }
  return () => {
    const options = {
      result: oneOf(random, [anyValue, () => undefined])(random),
      retryAfterMs: anyValue(random),
      retryable: random() < 0.5,
    };
    throw Object.assign(new ExecutionError('described'), options);
  };
}

const runners = new Map<string, () => unknown>();
const type: CommandType = defineCommand({
  type: 'ANY',
  payload: z.unknown(),
  result: z.unknown(),
  execute: ({ commandId }) => Promise.resolve(runners.get(commandId)?.()),
});
const runner = new Runner({
  registry: new Map([['ANY', type]]),
  graceMs: 0,
  onStuck: () => undefined,
  onProgress: () => undefined,
  logger,
});

/** Checks what everything behind a runner relies on, at Redis as over HTTP. */
function expectLegal(outcome: Outcome): void {
  const { error } = reportBodySchema.safeParse({ agentId: 'a', ...bodyOf(outcome) });
  expect(error).toBeUndefined();
  if (outcome.result !== undefined) {
    expect(Buffer.byteLength(outcome.result)).toBeLessThanOrEqual(limits.resultBytes);
    expect(isNestedDeeper(outcome.result, limits.resultDepth)).toBe(false);
  }
  if (outcome.status === 'COMPLETED') return;
  expect(outcome.message.length).toBeLessThanOrEqual(limits.messageChars);
  expect(outcome.message).not.toMatch(/\p{Surrogate}/u);
  expect(Number.isSafeInteger(outcome.pauseMs) && outcome.pauseMs >= 0).toBe(true);
  expect(outcome.executed).toBe('yes');
}

const idOf = (index: number) => `00000000-0000-7000-8000-${String(index).padStart(12, '0')}`;
const indexOf = (id: string) => Number(id.slice(-12));

async function startAll(transport: Transport, indices: readonly number[]): Promise<StartedCommand[]> {
  const commands = indices.map((index) =>
    newCommand(idOf(index), { type: 'ANY', payload: '{}', maxAttempts: 1 + (index % 2) }),
  );
  await submit(client, keys, commands, { notAfter: Date.now() + 3_600_000, maxBacklog: 10_000 });
  const never = new AbortController().signal;
  const byEntry = new Map<string, StartedCommand>();
  while (byEntry.size < indices.length) {
    const inFlight = [...byEntry.keys()];
    const reply = await insist(() => transport.next(() => ({ limit: 2 * perBatch, inFlight }), never));
    if (reply.word !== 'ok') throw new Error(reply.word);
    for (const command of reply.started) byEntry.set(command.entry, command);
  }
  return [...byEntry.values()];
}

/**
 * Retries as a reporter does: on a busy machine an answer may be late. A call that was carried out before is
 * answered `again`.
 */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ServerUnavailableError || error instanceof ResponseLostError)) throw error;
    }
  }
}

/** The tests of a batch's members, each with how to see its failure again. */
async function each(indices: readonly number[], check: (index: number) => unknown): Promise<void> {
  for (const index of indices) {
    try {
      await check(index);
    } catch (error) {
      throw new Error(`${reproductionOf(index)}: ${String(error)}`, { cause: error });
    }
  }
}

/** The numbers of the first so many values. */
const batchesOf = (count: number) =>
  Array.from({ length: Math.ceil(count / perBatch) }, (_, batch) =>
    Array.from({ length: Math.min(perBatch, count - batch * perBatch) }, (__, i) => batch * perBatch + i),
  );
const counts = { redis: generatedCount, http: Math.ceil(byExtent(1, 0.25) * generatedCount) };

describe.each(['redis', 'http'] as const)('over %s', (name) => {
  const agent = identityOf('any', 'i', 1);
  const batches = batchesOf(counts[name]);
  let transport: Transport;

  beforeEach(async () => {
    await forgetAll();
    transport = transports[name](agent);
    expect(await transport.register()).toMatchObject({ word: 'ok' });
  });
  afterEach(() => transport.close());

  test('whatever a handler does, its command comes to rest and its neighbours are unharmed', async () => {
    for (const indices of batches) {
      await bringToRest(indices);
      // A report that breaks off would leave markers behind.
      const markers = indices.map((index) => keys.marker(idOf(index)));
      expect(await client.exists(...markers)).toBe(0);
      expect(await client.hget(keys.counts, 'RUNNING')).toBe('0');
    }
    expect(await client.keys(keys.marker('*'))).toEqual([]);
  });

  async function bringToRest(indices: readonly number[]): Promise<void> {
    const started = await startAll(transport, indices);
    const outcomes = new Map<number, Outcome>();
    for (const index of indices) runners.set(idOf(index), handlerOf(diceOf(index), index));
    await each(indices, async (index) => {
      const command = started.find(({ id }) => id === idOf(index));
      if (!command) throw new Error('was not started');
      const outcome = await runner.run(command, new LazyAbortSignal());
      expectLegal(outcome);
      outcomes.set(index, outcome);
    });
    runners.clear();
    const { session } = agent;
    const reports = started.map(({ id, attempt }) => {
      const outcome = outcomes.get(indexOf(id)) ?? completion(type, null);
      return { id, agentId: agent.agentId, session, attempt, outcome };
    });
    const words = await insist(() => transport.report(reports));
    expect(words.filter((word) => word !== 'accepted' && word !== 'again')).toEqual([]);
    await each(indices, (index) => expectAtRest(index, outcomes.get(index)));
    // Retriable commands would otherwise be started among the next ones.
    const seen = await seeCommands(client, keys, indices.map(idOf));
    await cancel(
      client,
      keys,
      seen.filter((command) => command !== undefined),
    );
  }

  async function expectAtRest(index: number, outcome: Outcome | undefined): Promise<void> {
    const command = await reader.read(idOf(index));
    expect(command).toBeDefined();
    if (!command || !outcome) return;
    const { status, runAt } = command;
    const mayRetry = outcome.status === 'FAILED' && outcome.retryable && index % 2 === 1;
    expect(status).toBe(mayRetry ? 'PENDING' : outcome.status);
    if (mayRetry) expect(Date.parse(runAt ?? '')).toBeLessThanOrEqual(Date.now() + limits.delayMs + 1000);
    else if (outcome.result !== undefined)
      expect(JSON.stringify(command.result)).toBe(resultIn(outcome.result));
    if (index % 10 === 0) expect(command).toMatchObject({ status: 'COMPLETED', result: { ok: true } });
  }

  test('whatever progress a handler reports is refused at once, or stored', async () => {
    const held = await startAll(
      transport,
      Array.from({ length: perBatch }, (_, i) => i),
    );
    const attempts = [...held].sort((a, b) => indexOf(a.id) - indexOf(b.id));
    let sequence = 0;
    for (const indices of batches) {
      sequence++;
      const told: ProgressUpdate[] = [];
      await each(indices, (index) => {
        const attempt = attempts[index % perBatch];
        const progress = attempt && toldBy(diceOf(index), attempt);
        if (progress) told.push({ ...progress, sequence });
      });
      const words = await insist(() => transport.reportProgress(told));
      expect(words).toEqual(told.map(() => 'ok'));
    }
    for (const { id } of attempts) expect(await reader.read(id)).toMatchObject({ status: 'RUNNING' });
  });
});

/** Changes a result as JSON.parse and JSON.stringify do: -0, and numbers that JSON writes in another way. */
const resultIn = (text: string) => JSON.stringify(JSON.parse(text));

/** Returns the progress that the progress reporter sends; undefined when it refuses it. */
function toldBy(random: Random, attempt: StartedCommand): ProgressUpdate | undefined {
  const sent: ProgressUpdate[] = [];
  const teller = new ProgressReporter({
    transport: {
      reportProgress: (told) => {
        sent.push(...told);
        return Promise.resolve(told.map(() => 'ok' as const));
      },
    },
    intervalMs: leaseMs,
    logger,
  });
  try {
    const value = below(random, 3) === 0 ? anyThrown(random) : anyValue(random);
    teller.note(attempt, value as Progress);
  } catch (error) {
    if (!(error instanceof InvalidProgressError)) throw error;
    expect(error.message.length).toBeLessThan(400);
  }
  // The last progress goes out when the attempt is over.
  teller.end(attempt);
  return sent[0];
}
