import { type Redis } from 'ioredis';
import { z } from 'zod';
import { type CommandErrorCode } from '../protocol/errors.js';
import { type Executed, type OnAgentLost } from '../protocol/commands.js';
import { type PartitionKeys } from '../store/keys.js';
import { callScript } from './scripts.js';

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
      /** Those of the queues from which nothing is started, since an operator paused them. */
      readonly paused: readonly string[];
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
  z.tuple([
    z.literal('ok'),
    z.number(),
    z.array(z.union([startedSchema, waitingSchema])),
    z.array(z.string()),
  ]),
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
  return { word: 'ok', now: reply[1], started, waiting, paused: reply[3] };
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

const promoteReplySchema = z.tuple([
  z.number(),
  z.number(),
  z.string().transform((ms) => (ms === '' ? undefined : Number(ms))),
]);

/**
 * Gives commands whose `runAt` has come their entry.
 *
 * @returns how many, and in how many ms the next one is due: undefined when there is none
 */
export async function promote(
  redis: Redis,
  keys: PartitionKeys,
  most: number,
): Promise<{ count: number; nextInMs: number | undefined }> {
  const reply = await callScript(redis, 'promote', keys.root, [most]);
  const [, count, nextInMs] = promoteReplySchema.parse(reply);
  return { count, nextInMs };
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
