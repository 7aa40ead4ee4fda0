import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type CommandErrorCode } from '../protocol/errors.js';
import { type Executed, type OnAgentLost } from '../protocol/commands.js';
import { agentKey, agentsKey, type PartitionKeys } from '../store/keys.js';
import { callScript, callScriptForEach } from './scripts.js';

/**
 * The scripts as functions: arguments and replies with types. Nothing here decides anything.
 * Every function throws what ioredis throws when Redis is away or full, and nothing else.
 */

/** A new command, ready to be stored. JSON values are text: nobody between client and handler parses them. */
export interface NewCommand {
  readonly id: string;
  /** Digest of what was asked for, when the id comes from an Idempotency-Key; else ''. */
  readonly digest: string;
  readonly type: string;
  readonly payload: string;
  readonly queue: string;
  /** When it may start: an instant in ms, or a pause from now; at once when left out. */
  readonly start?: { readonly at: number } | { readonly inMs: number } | undefined;
  readonly ttlMs?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly onAgentLost?: OnAgentLost | undefined;
  readonly maxLosses?: number | undefined;
  readonly maxAttempts?: number | undefined;
}

export interface SubmitOptions {
  /** Redis time in ms after which this request is too old to be carried out. */
  readonly notAfter: number;
  /** Most PENDING commands there may be. */
  readonly maxBacklog: number;
}

const submitWordSchema = z.enum(['accepted', 'same', 'conflict', 'full', 'expired']);
export type SubmitWord = z.infer<typeof submitWordSchema>;
/** `broken`: a key that Fencepost needs holds something else, which somebody must delete. */
export type SubmitReply = { readonly word: SubmitWord } | { readonly word: 'broken'; readonly key: string };

const submitReplySchema = z.tuple([
  z.number(),
  z.array(
    z.union([
      submitWordSchema.transform((word): SubmitReply => ({ word })),
      z.tuple([z.literal('broken'), z.string()]).transform(([word, key]): SubmitReply => ({ word, key })),
    ]),
  ),
]);

/** (none) → PENDING. @returns Redis time in ms, and a reply per command, in order. */
export async function submit(
  redis: Redis,
  keys: PartitionKeys,
  commands: readonly NewCommand[],
  options: SubmitOptions,
): Promise<{ now: number; replies: SubmitReply[] }> {
  const args: (string | number)[] = [options.notAfter, options.maxBacklog, commands.length];
  for (const command of commands) args.push(...submitArgs(command));
  const [now, replies] = submitReplySchema.parse(await callScript(redis, 'submit', keys.root, args));
  return { now, replies };
}

function submitArgs(command: NewCommand): (string | number)[] {
  const optional = {
    timeoutMs: command.timeoutMs,
    onAgentLost: command.onAgentLost === 'fail' ? undefined : command.onAgentLost,
    maxLosses: command.maxLosses,
    maxAttempts: command.maxAttempts,
  };
  const fields: (string | number)[] = ['type', command.type, 'payload', command.payload];
  for (const [name, value] of Object.entries(optional)) if (value !== undefined) fields.push(name, value);
  const { start } = command;
  const when = start === undefined ? ['', 0] : 'at' in start ? ['at', start.at] : ['in', start.inMs];
  return [
    command.id,
    command.digest,
    command.queue,
    ...when,
    command.ttlMs ?? '',
    fields.length / 2,
    ...fields,
  ];
}

/** One execution, as an agent is given it. */
export interface StartedCommand {
  readonly queue: string;
  /**
   * The ticket of this delivery, `<queue>/<stream id>`: names the attempt in `start` until its report is
   * answered. With the queue, since two streams may give the same id in the same millisecond.
   */
  readonly entry: string;
  readonly id: string;
  readonly attempt: number;
  readonly type: string;
  /** JSON. */
  readonly payload: string;
  readonly timeoutMs: number | undefined;
  readonly onAgentLost: OnAgentLost;
}

export interface StartOptions {
  readonly agentId: string;
  /** '' for a caller without one. */
  readonly session: string;
  /** Most commands that this agent may have started at once. */
  readonly limit: number;
  readonly queues: readonly string[];
  /** The command types it knows; none: all. */
  readonly types: readonly string[];
  /** What it has in its hands, by `StartedCommand.entry`. */
  readonly inHands: readonly string[];
}

/** Delivered to this agent, but not started. */
export interface WaitingEntry {
  readonly queue: string;
  /** Like `StartedCommand.entry`. */
  readonly entry: string;
  readonly id: string;
}

export type StartReply =
  | { readonly word: 'old-session' }
  | {
      readonly word: 'ok';
      /** Redis time in ms. */
      readonly now: number;
      readonly started: readonly StartedCommand[];
      readonly waiting: readonly WaitingEntry[];
    };

const startedSchema = z
  .tuple([
    z.enum(['run', 'yours']),
    z.string(),
    z.string(),
    z.string(),
    z.number(),
    z.string(),
    z.string(),
    z.string(),
    z.string(),
  ])
  .transform(([, queue, entry, id, attempt, type, payload, timeoutMs, onAgentLost]): StartedCommand => ({
    queue,
    entry,
    id,
    attempt,
    type,
    payload,
    timeoutMs: timeoutMs === '' ? undefined : Number(timeoutMs),
    // Anything but 'retry' is the default, whatever somebody wrote into the hash.
    onAgentLost: onAgentLost === 'retry' ? 'retry' : 'fail',
  }));
const waitingSchema = z
  .tuple([z.literal('waiting'), z.string(), z.string(), z.string()])
  .transform(([, queue, entry, id]): WaitingEntry => ({ queue, entry, id }));
const startReplySchema = z.union([
  z.tuple([z.literal('old-session')]),
  z.tuple([z.literal('ok'), z.number(), z.array(z.union([startedSchema, waitingSchema]))]),
]);

/** A delivery's ticket, for a caller that knows its command's hash only: `StartOptions.inHands` takes it. */
export const ticketOf = (queue: string, entry: string) => `${queue}/${entry}`;

/** PENDING → RUNNING, for what was delivered to this agent before and for what waits in its queues. */
export async function start(redis: Redis, keys: PartitionKeys, options: StartOptions): Promise<StartReply> {
  const { agentId, session, limit, queues, types, inHands } = options;
  const lists = [queues, types, inHands].flatMap((list) => [list.length, ...list]);
  const reply = startReplySchema.parse(
    await callScript(redis, 'start', keys.root, [agentId, session, limit, ...lists]),
  );
  if (reply[0] === 'old-session') return { word: 'old-session' };
  const started: StartedCommand[] = [];
  const waiting: WaitingEntry[] = [];
  for (const item of reply[2]) {
    if ('attempt' in item) started.push(item);
    else waiting.push(item);
  }
  return { word: 'ok', now: reply[1], started, waiting };
}

/** How an attempt ended, as its agent tells it. */
export type Outcome =
  | { readonly status: 'COMPLETED'; /** JSON. */ readonly result: string }
  | {
      readonly status: 'FAILED';
      readonly code: CommandErrorCode;
      readonly message: string;
      readonly executed: Executed;
      /** JSON, when there is one beside the error. */
      readonly result?: string | undefined;
      readonly retryable: boolean;
      /** The least pause before another try. */
      readonly pauseMs: number;
    };

export interface Report {
  readonly id: string;
  readonly agentId: string;
  /** '' when the reporter has none. */
  readonly session: string;
  /** May be left out only while the command is RUNNING its first attempt. */
  readonly attempt: number | undefined;
  readonly outcome: Outcome;
}

const reportWordSchema = z.enum(['accepted', 'again', 'late', 'gone', 'broken']);
/** `accepted`: stored now; `again`: stored by an earlier call of the same report; `late`: refused and kept in the history. */
export type ReportWord = z.infer<typeof reportWordSchema>;
const reportReplySchema = z.tuple([z.number(), z.array(reportWordSchema)]);

/** RUNNING → COMPLETED, FAILED or PENDING. @returns a word per report, in order. */
export async function report(
  redis: Redis,
  keys: PartitionKeys,
  reports: readonly Report[],
): Promise<ReportWord[]> {
  const args: (string | number)[] = [reports.length];
  for (const one of reports) {
    args.push(one.id, one.agentId, one.session, one.attempt ?? '', ...outcomeArgs(one.outcome));
  }
  return reportReplySchema.parse(await callScript(redis, 'report', keys.root, args))[1];
}

function outcomeArgs(outcome: Outcome): (string | number)[] {
  if (outcome.status === 'COMPLETED') return ['COMPLETED', outcome.result, '', 'yes', '', 0, 0];
  const { code, message, executed, result, retryable, pauseMs } = outcome;
  const dice = Math.floor(Math.random() * 1_000_000);
  return [
    'FAILED',
    result ?? '',
    JSON.stringify({ code, message }),
    executed,
    retryable ? '1' : '',
    pauseMs,
    dice,
  ];
}

const sweepReplySchema = z.tuple([z.number(), z.number(), z.union([z.literal(0), z.literal(1)])]);

/** Gives commands whose `runAt` has come their entry. @returns how many, and whether more are due. */
export async function promote(
  redis: Redis,
  keys: PartitionKeys,
  most: number,
): Promise<{ count: number; more: boolean }> {
  const [, count, more] = sweepReplySchema.parse(await callScript(redis, 'promote', keys.root, [most]));
  return { count, more: more === 1 };
}

/** PENDING → FAILED for commands that were not started in time. @returns how many, and whether more are due. */
export async function expire(
  redis: Redis,
  keys: PartitionKeys,
  most: number,
): Promise<{ count: number; more: boolean }> {
  const [, count, more] = sweepReplySchema.parse(await callScript(redis, 'expire', keys.root, [most]));
  return { count, more: more === 1 };
}

export interface Registration {
  readonly agentId: string;
  readonly instance: string;
  readonly boot: number;
  readonly host: string;
  readonly leaseMs: number;
  /** `<instance>.<boot>` when left out: an agent without a data directory has only a session. */
  readonly session?: string | undefined;
  /** More that GET /agents shows: pid, version, queues, types, concurrency. */
  readonly fields: Readonly<Record<string, string | number>>;
}

export interface NameHolder {
  readonly instance: string;
  readonly host: string;
  readonly pid: string;
  /** Redis time in ms. */
  readonly lastSeen: number;
  /** How long until it counts as gone, unless it is heard of again. */
  readonly leaseLeftMs: number;
}

export type RegisterReply =
  | { readonly word: 'ok'; readonly now: number }
  | { readonly word: 'taken'; readonly holder: NameHolder }
  | { readonly word: 'old-session' };

/** How long the registration of an agent that was lost stays visible. */
const registrationTtlMs = 3600 * 1000;

const registerReplySchema = z.union([
  z.tuple([z.literal('ok'), z.number()]).transform(([word, now]): RegisterReply => ({ word, now })),
  z.tuple([z.literal('old-session')]).transform(([word]): RegisterReply => ({ word })),
  z
    .tuple([
      z.literal('taken'),
      z.string(),
      z.string(),
      z.string().nullable(),
      z.coerce.number(),
      z.coerce.number(),
    ])
    .transform(([word, instance, host, pid, lastSeen, leaseLeftMs]): RegisterReply => ({
      word,
      holder: { instance, host, pid: pid ?? '', lastSeen, leaseLeftMs },
    })),
]);

/** `<instance>.<boot>`: one run of an agent's process. */
export const sessionOf = (agent: { readonly instance: string; readonly boot: number }) =>
  `${agent.instance}.${agent.boot}`;

/** Takes an agent's name, or renews the hold on it: the heartbeat is the same call. */
export async function register(redis: Redis, agent: Registration): Promise<RegisterReply> {
  const args = registerArgs(agent);
  const reply = registerReplySchema.parse(await callScript(redis, 'register', agentKey(agent.agentId), args));
  // Not in the script: in a sharded Redis this key has a slot of its own. It only lists; when it cannot
  // be added to (Redis is full), the agent works all the same, and the next heartbeat tries again.
  if (reply.word === 'ok') await redis.sadd(agentsKey, agent.agentId).catch(() => undefined);
  return reply;
}

function registerArgs(agent: Registration): (string | number)[] {
  const { instance, boot, host, leaseMs } = agent;
  const fields = Object.entries({ ...agent.fields, session: agent.session ?? sessionOf(agent) }).flat();
  const ttlMs = Math.max(registrationTtlMs, 2 * leaseMs);
  return [instance, boot, host, leaseMs, ttlMs, fields.length / 2, ...fields];
}

/** The heartbeats of many agents that are registered, in one round trip. @returns a reply per agent, in order */
export async function registerAgain(redis: Redis, agents: readonly Registration[]): Promise<RegisterReply[]> {
  const calls = agents.map((agent) => ({ key: agentKey(agent.agentId), args: registerArgs(agent) }));
  const replies = await callScriptForEach(redis, 'register', calls);
  return replies.map((reply) => registerReplySchema.parse(reply));
}

/** The newest session of an agent in this partition, or '' when none was admitted. */
export async function newestSession(redis: Redis, keys: PartitionKeys, agentId: string): Promise<string> {
  try {
    return (await redis.get(keys.session(agentId))) ?? '';
  } catch (error) {
    // Somebody put something else there: `admit` counts it as unset, and replaces it.
    if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return '';
    throw error;
  }
}

/**
 * Makes a session the newest of its agent, after `register` said ok.
 *
 * @param seen what `newestSession` said before `register` was called
 */
export async function admit(
  redis: Redis,
  keys: PartitionKeys,
  agentId: string,
  session: string,
  seen: string,
): Promise<'ok' | 'old-session'> {
  const reply = await callScript(redis, 'admit', keys.root, [agentId, session, seen]);
  return z.tuple([z.enum(['ok', 'old-session'])]).parse(reply)[0];
}

/** Gives an agent's name back. */
export async function leave(
  redis: Redis,
  agentId: string,
  instance: string,
  boot: number,
): Promise<'left' | 'moot'> {
  const reply = await callScript(redis, 'leave', agentKey(agentId), [instance, boot]);
  return z.tuple([z.enum(['left', 'moot'])]).parse(reply)[0];
}

/** Asks whoever is registered under this name to take no more commands. @returns its session */
export async function drain(redis: Redis, agentId: string): Promise<string | undefined> {
  const reply = await callScript(redis, 'drain', agentKey(agentId), ['']);
  return z
    .union([z.tuple([z.literal('draining'), z.string()]), z.tuple([z.literal('nobody')])])
    .parse(reply)[1];
}
