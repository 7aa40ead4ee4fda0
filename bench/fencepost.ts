import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Redis } from 'ioredis';
import { v7 as uuid } from 'uuid';
import { submit } from '../shared/lifecycle/transitions.js';
import { defaults } from '../shared/protocol/commands.js';
import { connectCommands, connectSubscriber } from '../shared/store/connection.js';
import { group, partitionKeys } from '../shared/store/keys.js';
import { type TestRedis } from '../shared/testing/redis-server.js';
import { aborted, type Contestant } from './contestant.js';
import { inBatches, load } from './load.js';
import { WorkerProcess } from './worker-process.js';

const keys = partitionKeys();
const stream = keys.stream(defaults.queue);
const payload = JSON.stringify(load.payload);
/** How long a submission may be under way: far longer than any round. */
const submitWithinMs = 600_000;

/** Creates `count` commands of the load, as the server does behind `POST /commands/batch`. */
export async function submitLoad(redis: Redis, count: number, notAfter: number): Promise<void> {
  const commands = Array.from({ length: count }, () => ({
    id: uuid(),
    digest: '',
    type: load.type,
    payload,
    queue: defaults.queue,
  }));
  const { replies } = await submit(redis, keys, commands, { notAfter, maxBacklog: 1_000_000 });
  const refused = replies.find((reply) => reply.word !== 'accepted');
  if (refused) throw new Error(`Fencepost refused a command: ${JSON.stringify(refused)}`);
}

/** Redis's own clock, some minutes on: what `submit` takes as its last moment. */
export async function latestSubmission(redis: Redis): Promise<number> {
  const [seconds] = await redis.time();
  return Number(seconds) * 1000 + submitWithinMs;
}

/** Fencepost as it is run: the real agent with its synced journal, its commands submitted by the script. */
export class Fencepost implements Contestant {
  readonly name = 'Fencepost';
  readonly #redisUrl: string;
  readonly #commands: number;
  readonly #redis: Redis;
  readonly #completions: Completions;
  #dataDir: string | undefined;
  #agent: WorkerProcess | undefined;
  /** What the counters held before the first round. */
  #completedBefore = 0;
  #rounds = 0;

  /** @param commands per round */
  constructor(redis: TestRedis, commands: number) {
    this.#redisUrl = redis.url;
    this.#commands = commands;
    this.#redis = connectCommands(redis.url);
    this.#completions = new Completions(redis.url);
  }

  async start(): Promise<void> {
    this.#completedBefore = Number((await this.#redis.hget(keys.counts, 'COMPLETED')) ?? 0);
    await this.#completions.listen();
    this.#dataDir = await mkdtemp(join(tmpdir(), 'fencepost-bench-'));
    this.#agent = await WorkerProcess.start(['dist/agent/main.js'], {
      REDIS_URL: this.#redisUrl,
      DATA_DIR: this.#dataDir,
      AGENT_CONCURRENCY: String(load.concurrency),
      LOG_LEVEL: 'warn',
      // Whatever else the caller's shell sets for an agent is not what is measured here.
      ...Object.fromEntries(settingsLeftAlone.map((variable) => [variable, undefined])),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    if (!this.#agent) throw new Error('not started');
    const completed = this.#completions.next(this.#commands);
    const notAfter = await latestSubmission(this.#redis);
    const submitted = inBatches(this.#commands, (size) => submitLoad(this.#redis, size, notAfter));
    await Promise.race([Promise.all([submitted, completed]), this.#agent.died(), aborted(signal)]);
    this.#rounds++;
  }

  async checkRest(): Promise<void> {
    const [length, [pending], completed] = await Promise.all([
      this.#redis.xlen(stream),
      this.#redis.xpending(stream, group),
      this.#redis.hget(keys.counts, 'COMPLETED'),
    ]);
    const found = { length, pending, completed: Number(completed) - this.#completedBefore };
    const wanted = { length: 0, pending: 0, completed: this.#rounds * this.#commands };
    if (JSON.stringify(found) !== JSON.stringify(wanted)) {
      throw new Error(`Fencepost is not at rest: ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`);
    }
  }

  async stop(): Promise<void> {
    await this.#agent?.stop();
    this.#completions.close();
    this.#redis.disconnect();
    if (this.#dataDir !== undefined) await rm(this.#dataDir, { recursive: true, force: true });
  }
}

const settingsLeftAlone = [
  'AGENT_ID',
  'AGENT_QUEUES',
  'AGENT_COMMANDS',
  'AGENT_TRANSPORT',
  'LEASE_MS',
  'GRACE_MS',
  'MAX_BLOCK_MS',
  'LOG_PRETTY',
];

/** Counts the commands that end, as Fencepost's channel tells it: one message per call, a line per transition. */
class Completions {
  readonly #subscriber: Redis;
  #left = 0;
  #done: () => void = () => undefined;
  #failed: (error: Error) => void = () => undefined;

  constructor(redisUrl: string) {
    this.#subscriber = connectSubscriber(redisUrl);
    this.#subscriber.on('message', (_channel: string, message: string) => this.#read(message));
  }

  async listen(): Promise<void> {
    await this.#subscriber.subscribe(keys.events);
  }

  /** Resolves when `count` more commands are completed. Rejects when one fails. */
  next(count: number): Promise<void> {
    this.#left = count;
    return new Promise((resolve, reject) => {
      this.#done = resolve;
      this.#failed = reject;
    });
  }

  #read(message: string): void {
    for (const line of message.split('\n')) {
      if (line.includes(' FAILED ')) this.#failed(new Error(`a command failed: ${line}`));
      if (line.includes(' COMPLETED ') && --this.#left === 0) this.#done();
    }
  }

  close(): void {
    this.#subscriber.disconnect();
  }
}
