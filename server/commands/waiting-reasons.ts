import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type CommandSummary } from '../../shared/protocol/api.js';
import { defaults, type WaitingReason } from '../../shared/protocol/commands.js';
import { ifWrongType, runAll } from '../../shared/store/command-reader.js';
import { agentKey, agentsKey, type PartitionKeys } from '../../shared/store/keys.js';
import { type RedisCalls } from '../redis/redis-link.js';

export interface WaitingReasonsOptions {
  readonly link: RedisCalls;
  readonly keys: PartitionKeys;
  /** How old the registrations that were read may be; half a second when left out. */
  readonly freshMs?: number;
}

/** A registration, as far as it shows which commands the agent could execute. */
export interface ServingAgent {
  readonly queues: ReadonlySet<string>;
  /** Empty: all. */
  readonly types: ReadonlySet<string>;
  /** Redis time in ms until which the agent counts as live, unless it sends another heartbeat. */
  readonly liveUntilMs: number;
}

/** The part of a command that its reason depends on. */
type Waiting = Pick<CommandSummary, 'status' | 'type' | 'queue' | 'runAt' | 'waitingFor'>;

/**
 * Determines what PENDING commands wait for, apart from their turn. The reason is not stored: it follows from
 * the clock, the paused queues and the agents that are registered at the moment of the request.
 */
export class WaitingReasons {
  readonly #options: WaitingReasonsOptions;
  #agents: readonly ServingAgent[] = [];
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;

  constructor(options: WaitingReasonsOptions) {
    this.#options = options;
  }

  /** @returns the commands, in order, each with its reason */
  async explain<Command extends Waiting>(commands: readonly Command[]): Promise<Command[]> {
    if (!commands.some(({ status }) => status === 'PENDING')) return [...commands];
    const { link, keys } = this.#options;
    const [moment] = await Promise.all([link.call((redis) => readMoment(redis, keys)), this.#refresh()]);
    const live = this.#agents.filter(({ liveUntilMs }) => liveUntilMs > moment.nowMs);
    return commands.map((command) => ({ ...command, waitingFor: reasonOf(command, moment, live) }));
  }

  /** Shares one read among concurrent requests, since there may be many agents. */
  async #refresh(): Promise<void> {
    const { freshMs = 500 } = this.#options;
    if (performance.now() - this.#readAt < freshMs) return;
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    await this.#reading;
  }

  async #read(): Promise<void> {
    const readAt = performance.now();
    this.#agents = await this.#options.link.call(readServing);
    this.#readAt = readAt;
  }
}

interface Moment {
  readonly nowMs: number;
  readonly paused: readonly string[];
}

/** Returns the first reason that applies: until that is gone, nothing else would help. */
function reasonOf(command: Waiting, moment: Moment, live: readonly ServingAgent[]): WaitingReason | null {
  const { status, type, queue, runAt, waitingFor } = command;
  if (status !== 'PENDING') return null;
  const isLater = runAt !== null && Date.parse(runAt) > moment.nowMs;
  // An agent that does not know its type has already received it.
  const wasMet = waitingFor === 'capable-agent';
  // A command whose queue has too many lanes is delayed by a second, which is no `runAt` of its own.
  if (isLater && !wasMet) return 'schedule';
  if (moment.paused.includes(queue)) return 'queue-paused';
  const serving = live.filter(({ queues }) => queues.has(queue));
  // An agent over HTTP may poll without having registered.
  if (serving.length === 0) return wasMet ? 'capable-agent' : 'agent';
  return serving.some((agent) => knowsType(agent, type)) ? null : 'capable-agent';
}

export const knowsType = ({ types }: ServingAgent, type: string) => types.size === 0 || types.has(type);

const timeSchema = z.tuple([z.coerce.number(), z.coerce.number()]);
const namesSchema = z.array(z.string()).catch([]);

async function readMoment(redis: Redis, keys: PartitionKeys): Promise<Moment> {
  const [time, paused] = await runAll(redis.pipeline().time().hkeys(keys.paused));
  const [seconds, micros] = timeSchema.parse(time);
  return { nowMs: seconds * 1000 + Math.floor(micros / 1000), paused: namesSchema.parse(paused) };
}

const listSchema = z
  .string()
  .nullable()
  .transform((text) => (text === null || text === '' ? [] : text.split(',')));
/** A malformed registration counts as no agent. */
const rowSchema = z.tuple([
  z.string().nullable(),
  z.string().nullable(),
  listSchema,
  listSchema,
  z.coerce.number().int().positive(),
  z.coerce.number().int().positive(),
]);

/** Every agent that is registered and takes commands. */
export async function readServing(redis: Redis): Promise<ServingAgent[]> {
  const pipeline = redis.pipeline();
  for (const agentId of await redis.smembers(agentsKey).catch(ifWrongType<string[]>([]))) {
    pipeline.hmget(agentKey(agentId), 'session', 'draining', 'queues', 'types', 'leaseMs', 'lastSeen');
  }
  return (await runAll(pipeline)).flatMap((reply) => {
    const row = rowSchema.safeParse(reply).data;
    if (!row) return [];
    const [session, draining, queues, types, leaseMs, lastSeen] = row;
    if (draining !== null && draining === session) return [];
    // Agents that only ever polled did not register their queues.
    const served = queues.length > 0 ? queues : [defaults.queue];
    return [{ queues: new Set(served), types: new Set(types), liveUntilMs: lastSeen + leaseMs }];
  });
}
